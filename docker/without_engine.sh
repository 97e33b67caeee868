#!/usr/bin/env bash
# Builds the image and plays its tests where no engine is installed and no registry can be reached:
# with Docker's engine, of Debian's packages, in a folder of its own. On Debian, as root.
#   docker/without_engine.sh [folder of wheels to prefer]
# Needs debootstrap; about 30 GB under STORAGE, half an hour and a package index.
set -euo pipefail
cd "$(dirname "$0")/.."
wheels=${1:-}
storage=${STORAGE:-/var/tmp/forecast-platform-engine}
root=$storage/debian
mkdir -p "$storage/images"

[ -x "$root/usr/sbin/dockerd" ] || debootstrap --variant=minbase \
    --include=ca-certificates,docker.io,docker-cli,docker-compose,docker-buildx,iptables \
    trixie "$root"

# The engine sees its own files as the root, and of this machine what the tests hand to it.
cat > "$storage/engine" << END
mount --make-rprivate /
mount --bind "$root" "$root"
for place in /proc /sys /dev /tmp "$PWD" "$storage/images" ${wheels:+"$wheels"}; do
    inside=$root\$place
    [ "\$place" != "$storage/images" ] || inside=$root/var/lib/docker
    mkdir -p "\$inside" && mount --rbind "\$place" "\$inside"
done
mount -t tmpfs none "$root/run"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir -p "$root/before" && cd "$root" && pivot_root . before && umount --lazy /before
exec dockerd
END
setsid unshare --mount bash "$storage/engine" > "$storage/engine.log" 2>&1 &
engine=$!
trap 'kill "$engine"' EXIT
printf '#!/bin/sh\nexec nsenter --target %s --mount --wd="$PWD" -- docker "$@"\n' "$engine" \
    > "$storage/docker"
chmod +x "$storage/docker"
docker=$storage/docker
until "$docker" info > /dev/null 2>&1; do kill -0 "$engine" && sleep 1; done

# In place of the images of a registry: a plain Debian, and Postgres as its image starts it.
if ! "$docker" image inspect plain-debian:12 > /dev/null 2>&1; then
    debootstrap --variant=minbase \
        --include=ca-certificates,python3,python3-pip,python3-venv bookworm "$storage/base"
    # What this machine trusts and how it reaches the package index.
    cp /etc/ssl/certs/ca-certificates.crt "$storage/base/etc/ssl/certs/"
    [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$storage/base/etc/"
    rm -rf "$storage"/base/var/cache/apt/archives/*.deb "$storage"/base/var/lib/apt/lists/*
    tar --create --directory "$storage/base" . | "$docker" import - plain-debian:12
    rm -rf "$storage/base"
fi
"$docker" build --network host --tag postgres:17.5-bookworm - << 'END'
FROM plain-debian:12
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql \
    && rm -rf /var/lib/postgresql/* && ln -s /usr/lib/postgresql/*/bin /opt/postgresql
ENV PATH=/opt/postgresql:$PATH PGDATA=/var/lib/postgresql/data
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/start
#!/bin/bash -e
install --directory --owner=postgres --mode=700 "$PGDATA" /var/run/postgresql
as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    "${as[@]}" initdb --username=postgres --auth-local=trust --auth-host=scram-sha-256 \
        --pwfile="$POSTGRES_PASSWORD_FILE"
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    "${as[@]}" pg_ctl --options="-c listen_addresses=''" --wait start
    for script in /docker-entrypoint-initdb.d/*.sql; do
        "${as[@]}" psql --set=ON_ERROR_STOP=1 --username=postgres --file="$script"
    done
    "${as[@]}" pg_ctl --mode=fast --wait stop
fi
exec "${as[@]}" postgres -c listen_addresses='*'
SCRIPT
CMD ["start"]
STOPSIGNAL SIGINT
END
"$docker" build --network host ${wheels:+--build-context wheels="$wheels"} \
    --build-arg BASE_IMAGE=plain-debian:12 \
    --file docker/Dockerfile --tag forecast-platform:0.1.0 .
FORECAST_PLATFORM_TEST_ENGINE=$docker \
    .venv/bin/python -m pytest -s -m nightly tests/running/test_image.py
