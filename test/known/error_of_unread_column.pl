# Proves: a SELECT that does not read a column, or leaves a row out, does not raise the error that computing it would raise, as the view does not.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main');
$node->start;
$node->safe_psql('postgres', q{
	SET client_min_messages = error;
	CREATE EXTENSION tview_fdw;
	CREATE SCHEMA app;
	CREATE TABLE app.tb_part (pk_part int PRIMARY KEY, n int);
	INSERT INTO app.tb_part VALUES (1, 1), (2, 2);
	CREATE VIEW app.v_part AS
		SELECT pk_part, n, jsonb_build_object('share', 10 / n) AS data FROM app.tb_part;
	CREATE SERVER s FOREIGN DATA WRAPPER tview_fdw;
	IMPORT FOREIGN SCHEMA app FROM SERVER s INTO app;
	UPDATE app.tb_part SET n = 0 WHERE pk_part = 2;});

for my $query ('pk_part FROM %s ORDER BY 1', 'count(*) FROM %s', 'data FROM %s WHERE n > 0 ORDER BY 1',
	'data FROM %s WHERE pk_part = 1', 'data FROM %s ORDER BY 1')
{
	my ($status, $out) = $node->psql('postgres', 'SELECT ' . sprintf($query, 'app.tv_part'));
	my ($wanted_status, $wanted) = $node->psql('postgres', 'SELECT ' . sprintf($query, 'app.v_part'));
	is("$status $out", "$wanted_status $wanted", sprintf($query, 'app.tv_part'));
}
$node->stop;
done_testing();
