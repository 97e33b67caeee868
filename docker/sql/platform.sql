-- The platform's role and database, as a superuser: psql --file docker/sql/platform.sql
-- Then its password: psql --command '\password platform'
-- The role owns the two schemas of its records and may do nothing else on the server.
create role platform login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
create database platform;
revoke all on database platform from public;
grant connect on database platform to platform;
\connect platform
revoke all on schema public from public;
create schema dagster authorization platform;
create schema mlflow authorization platform;
