#!/usr/bin/env bash
# Builds the image where no container engine runs, on Debian, as root, and tests it.
#   docker/without_engine.sh [folder of wheels to prefer]
# Needs buildah and debootstrap; about 20 GB under STORAGE, 10 minutes and a package index.
set -euo pipefail
cd "$(dirname "$0")/.."
wheels=${1:-}
storage=${STORAGE:-/var/tmp/forecast-platform-image}
mkdir -p "$storage"
export CONTAINERS_STORAGE_CONF=$storage/storage.conf
printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' \
    "$storage/images" "$storage/run" > "$CONTAINERS_STORAGE_CONF"

if ! buildah images localhost/plain-debian:12 > /dev/null 2>&1; then
    debootstrap --variant=minbase \
        --include=ca-certificates,python3,python3-pip,python3-venv bookworm "$storage/base"
    # What this machine trusts and how it reaches the package index.
    cp /etc/ssl/certs/ca-certificates.crt "$storage/base/etc/ssl/certs/"
    [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$storage/base/etc/"
    rm -rf "$storage"/base/var/cache/apt/archives/*.deb "$storage"/base/var/lib/apt/lists/*
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$storage/base" /
    buildah commit --quiet --rm "$container" localhost/plain-debian:12
    rm -rf "$storage/base"
fi
buildah bud --isolation chroot --layers --format docker \
    ${wheels:+--build-context wheels="$wheels"} \
    --build-arg BASE_IMAGE=localhost/plain-debian:12 \
    --file docker/Dockerfile --tag forecast-platform:0.1.0 .
FORECAST_PLATFORM_TEST_IMAGE=localhost/forecast-platform:0.1.0 \
    .venv/bin/python -m pytest -s tests/running/test_image.py
