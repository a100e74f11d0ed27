-- Logins and roles of the database, with the passwords that the environment names. Run by the server's superuser before
-- every start of the services, so that a password changed in .env is changed here. Tables and rights are `der migrate`'s.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv service_password SERVICE_PASSWORD
\getenv sync_password SYNC_PASSWORD
\getenv rest_password REST_PASSWORD
-- passwords stand in the statements below: no log of the server may repeat them, not even that of a statement that fails
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET client_min_messages = 'warning';

SELECT pg_advisory_lock(4474194);

-- roles that cannot log in: what services may do, and whom a token names
SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest(ARRAY['der_service', 'der_sync', 'der_reader', 'anon', 'authenticated', 'service_role']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- logins: the owner of the tables, the services, sync, which can only add, and the REST API, which is nobody by itself
SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['der_owner', 'der_services', 'der_synchronizer', 'authenticator']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE der_owner LOGIN PASSWORD :'owner_password';
ALTER ROLE der_services LOGIN PASSWORD :'service_password';
ALTER ROLE der_synchronizer LOGIN PASSWORD :'sync_password';
ALTER ROLE authenticator LOGIN NOINHERIT PASSWORD :'rest_password';

GRANT der_service TO der_owner, der_services, service_role;
GRANT der_sync TO der_synchronizer;
GRANT der_reader TO authenticated;
GRANT anon, authenticated, service_role, der_sync TO authenticator;

-- what a stranger's statement may take at most, through the REST API
ALTER ROLE anon SET statement_timeout = '3s';
ALTER ROLE authenticated SET statement_timeout = '8s';
ALTER ROLE authenticator SET lock_timeout = '8s';

SELECT format('ALTER DATABASE %I OWNER TO der_owner', current_database()) \gexec
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT TEMPORARY ON DATABASE %I TO der_service, der_sync', current_database()) \gexec
