# Proves: whichever way the worker computes stale rows - by range, by list, with the whole view - they are the view's rows under every type of key, with holes, rows that the view filters out, rows that have gone and new ones; and a row that raises an error keeps no other from being refreshed.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', 'autovacuum = off', 'log_min_messages = debug1');
$node->start;
$node->safe_psql('postgres', <<~'SQL');
	CREATE EXTENSION tview_fdw;
	CREATE SCHEMA app;
	CREATE TABLE app.tb_kind (pk_kind int PRIMARY KEY, name text NOT NULL);
	INSERT INTO app.tb_kind SELECT i, 'kind ' || i FROM generate_series(0, 9) i;
	CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw OPTIONS (refresh 'background');
SQL

# How many rows the worker has refreshed in one way since $from.
sub refreshed
{
	my ($name, $way, $from) = @_;
	my $log = slurp_file($node->logfile, $from);
	my $rows = 0;
	$rows += $1 while $log =~ /refreshing (\d+) rows of app\.tv_$name $way/g;
	return $rows;
}

# Waits until at most so many rows are stale; then compares.
sub is_refreshed
{
	my ($name, $what, $left) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$left = 0 unless defined $left;
	my $done = wait_for(sub {
		$node->safe_psql('postgres', <<~"SQL") eq 't';
			SELECT complete AND hollow <= $left AND (SELECT marks_pending = 0 FROM tview.store)
			FROM tview.cache_stats WHERE tview = 'app.tv_$name'::regclass
		SQL
	}, 30);
	ok($done, "refreshed: $what")
	  or diag($node->safe_psql('postgres', 'SELECT * FROM tview.cache_stats; SELECT * FROM tview.store'));
	return if $left > 0;
	is($node->safe_psql('postgres', <<~"SQL"), "0|0", "the view's rows: $what");
		SELECT (SELECT count(*) FROM (SELECT * FROM app.tv_$name EXCEPT ALL SELECT * FROM app.v_$name) d),
			(SELECT count(*) FROM (SELECT * FROM app.v_$name EXCEPT ALL SELECT * FROM app.tv_$name) d)
	SQL
	is($node->safe_psql('postgres', "SELECT recomputed FROM tview.cache_stats WHERE tview = 'app.tv_$name'::regclass"),
		'0', "no reader had to compute: $what");
	return;
}

# rows i of -1000 .. 1000, with keys f(i)
my %keys = (small => [ 'int2', '%s' ], plain => [ 'int4', '%s' ],
	apart => [ 'int8', '%s::int8 * 4611686018427387' ], grouped => [ 'int4', '%s * 3' ]);
for my $name (sort keys %keys)
{
	my ($type, $key) = @{ $keys{$name} };
	my $of = sub { sprintf($key, "($_[0])") };
	my $columns = "pk_$name, i, name, jsonb_build_object('name', name, 'share', 100 / n, 'kind', kind) AS data";
	my $view = $name eq 'grouped'
	  ? "SELECT t.pk_grouped, min(t.i) AS i, min(t.name) AS name, count(k.name) AS kinds FROM app.tb_grouped t"
	  . " LEFT JOIN app.tb_kind k ON k.pk_kind <= t.fk_kind WHERE NOT hidden AND 100 / t.n > 0 GROUP BY t.pk_grouped"
	  : "SELECT $columns FROM (SELECT t.*, k.name AS kind FROM app.tb_$name t JOIN app.tb_kind k ON k.pk_kind = t.fk_kind) j WHERE NOT hidden";
	$node->safe_psql('postgres', <<~"SQL");
		CREATE TABLE app.tb_$name (pk_$name $type PRIMARY KEY, i int NOT NULL, fk_kind int NOT NULL REFERENCES app.tb_kind,
			name text NOT NULL, n int NOT NULL, hidden bool NOT NULL);
		INSERT INTO app.tb_$name SELECT ${\ $of->('i')}, i, abs(i) % 10, 'name ' || i, 1, i % 17 = 0 FROM generate_series(-1000, 1000) i;
		CREATE VIEW app.v_$name AS $view;
		ANALYZE app.tb_$name;
		IMPORT FOREIGN SCHEMA app LIMIT TO (tv_$name) FROM SERVER tviews INTO app;
	SQL
	is_refreshed($name, "$name: filled");

	# neighbours: of three rows two change, some are filtered out or let in, some have gone, some are new
	my $from = -s $node->logfile;
	$node->safe_psql('postgres', <<~"SQL");
		BEGIN;
		DELETE FROM app.tb_$name WHERE i IN (-600, -500, 0, 77, 599, 600);
		UPDATE app.tb_$name SET name = name || '!', hidden = CASE WHEN i % 17 = 0 THEN i % 2 = 0 ELSE i % 19 = 0 END
		WHERE i BETWEEN -600 AND 600 AND i % 3 <> 0;
		INSERT INTO app.tb_$name SELECT ${\ $of->('i')}, i, 3, 'new', 1, i % 2 = 0 FROM generate_series(1001, 1100) i;
		COMMIT;
	SQL
	is_refreshed($name, "$name: neighbours");
	cmp_ok(refreshed($name, 'by range', $from), '>', 600, "$name: neighbours are computed by range");

	# scattered
	$from = -s $node->logfile;
	$node->safe_psql('postgres', <<~"SQL");
		UPDATE app.tb_$name SET name = name || '?', hidden = i % 14 = 0 WHERE i % 7 = 0;
		DELETE FROM app.tb_$name WHERE i % 70 = 3;
	SQL
	is_refreshed($name, "$name: scattered");
	cmp_ok(refreshed($name, 'by list', $from), '>', 200, "$name: scattered ones are computed by list");
	is(refreshed($name, 'by range', $from), 0, "$name: and not by range");

	# two rows that raise an error among a thousand: the others come back
	$from = -s $node->logfile;
	$node->safe_psql('postgres', "UPDATE app.tb_$name SET name = name || '.', n = CASE WHEN i IN (-40, 333) THEN 0 ELSE 2 END, hidden = false WHERE i BETWEEN -500 AND 500");
	is_refreshed($name, "$name: beside rows that raise an error", 2);
	cmp_ok(refreshed($name, 'by range', $from), '>', 400, "$name: a range with an error");
	ok(wait_for(sub { $node->log_contains('ERROR:  division by zero', $from) }), "$name: the error is in the log");
	$node->safe_psql('postgres', "UPDATE app.tb_$name SET n = 4 WHERE n = 0");
	is_refreshed($name, "$name: after the errors");
	$node->safe_psql('postgres', "DROP FOREIGN TABLE app.tv_$name");
}

# a view of which a part costs the same for any number of keys
$node->safe_psql('postgres', <<~'SQL');
	CREATE FUNCTION app.slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	'BEGIN PERFORM pg_sleep(0.15); RETURN $1; END';
	CREATE TABLE app.tb_whole (pk_whole int8 PRIMARY KEY, name text NOT NULL, n int NOT NULL, hidden bool NOT NULL);
	INSERT INTO app.tb_whole SELECT i * 1000, 'name ' || i, 1, false FROM generate_series(-1000, 1000) i;
	CREATE VIEW app.v_whole AS SELECT pk_whole, name, 100 / n AS share, app.slow(7) AS slow FROM app.tb_whole WHERE NOT hidden;
	ANALYZE app.tb_whole;
	IMPORT FOREIGN SCHEMA app LIMIT TO (tv_whole) FROM SERVER tviews INTO app;
SQL
is_refreshed('whole', 'whole: filled');
for my $n (2, 0, 4)
{
	my $from = -s $node->logfile;
	$node->safe_psql('postgres', <<~"SQL");
		BEGIN;
		UPDATE app.tb_whole SET name = name || '!', n = CASE WHEN $n > 0 THEN $n WHEN pk_whole = 900000 THEN 0 ELSE 3 END,
			hidden = pk_whole % 7000 = 0 WHERE pk_whole % 5000 <> 0;
		DELETE FROM app.tb_whole WHERE pk_whole IN (998000 - $n * 1000, 501000 + $n * 1000);
		INSERT INTO app.tb_whole SELECT 1000000 + $n * 100000 + i, 'new', 1, i % 2 = 0 FROM generate_series(1, 200) i;
		COMMIT;
	SQL
	is_refreshed('whole', "whole, n = $n", $n == 0 ? 1 : 0);
	cmp_ok(refreshed('whole', 'with the whole view', $from), '>', 900, "whole, n = $n: the whole view is run");
}
# keys that come while others are on the list, before and between them
for my $changed ('pk_whole > 0 AND pk_whole % 3000 <> 0', 'pk_whole % 2000 = 0', 'pk_whole < 500000')
{
	$node->safe_psql('postgres', "UPDATE app.tb_whole SET name = name || '+' WHERE $changed; SELECT pg_sleep(0.25)");
}
is_refreshed('whole', 'more while the worker is at it');
# marks that have settled while nobody refreshed: rows that have gone are empty
$node->safe_psql('postgres', <<~'SQL');
	ALTER FOREIGN TABLE app.tv_whole OPTIONS (ADD refresh 'on_read');
	BEGIN;
	UPDATE app.tb_whole SET name = name || '-', hidden = pk_whole % 11000 = 0;
	DELETE FROM app.tb_whole WHERE pk_whole % 30000 = 0;
	COMMIT;
SQL
ok(wait_for(sub {
	$node->safe_psql('postgres', 'SELECT FROM app.tv_whole WHERE pk_whole = 300000');
	return $node->safe_psql('postgres', 'SELECT marks_pending FROM tview.store') == 0;
}, 60), 'readers settle');
my $from = -s $node->logfile;
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE app.tv_whole OPTIONS (DROP refresh); SELECT FROM app.tv_whole WHERE pk_whole = 1000');
ok(wait_for(sub { $node->safe_psql('postgres', "SELECT hollow = 0 FROM tview.cache_stats WHERE tview = 'app.tv_whole'::regclass") eq 't' }, 30),
	'empty rows that others have left are refreshed');
cmp_ok(refreshed('whole', 'with the whole view', $from), '>', 900, '... with the whole view');
is($node->safe_psql('postgres', <<~'SQL'), '0|0', '... and are right');
	SELECT (SELECT count(*) FROM (SELECT * FROM app.tv_whole EXCEPT ALL SELECT * FROM app.v_whole) d),
		(SELECT count(*) FROM (SELECT * FROM app.v_whole EXCEPT ALL SELECT * FROM app.tv_whole) d)
SQL
$node->stop;

done_testing();
