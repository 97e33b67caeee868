-- The role that reads a shop's own database, as its owner: psql --dbname shop --file shop_reader.sql
-- Then its password: psql --dbname shop --command '\password forecast_reader'
-- `shop` stands for the schema of what sources.yaml names: a schema of views holds just the columns
-- needed, and nothing of persons.
create role forecast_reader login connection limit 4
    nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role forecast_reader set default_transaction_read_only = on;
alter role forecast_reader set statement_timeout = '30min';
grant usage on schema shop to forecast_reader;
grant select on all tables in schema shop to forecast_reader;
