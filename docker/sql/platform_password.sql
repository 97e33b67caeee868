-- After platform.sql, where compose makes the database: the password from its secret.
\set password `cat /run/secrets/platform_password`
alter role platform password :'password';
