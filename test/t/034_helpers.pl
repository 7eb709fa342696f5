# Proves: helpers share the work on many stale rows, and however they fare - ended, not to be had, with rows that raise an error, with a TVIEW that goes, without the worker that called them - the rows are the view's in the end.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', 'autovacuum = off', 'log_min_messages = debug1',
	'tview.refresh_workers = 2');
$node->start;
$node->safe_psql('postgres', <<~'SQL');
	CREATE EXTENSION tview_fdw;
	CREATE SCHEMA app;
	-- rows that take their time
	CREATE FUNCTION app.work(n int, bad int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
	DECLARE
		sum int := 0;
	BEGIN
		FOR i IN 1..3000 LOOP sum := sum + i % 7; END LOOP;
		RETURN n / CASE WHEN n = bad THEN 0 ELSE 1 END + sum;
	END $$;
	CREATE TABLE app.tb_y (pk_y int PRIMARY KEY, name text NOT NULL);
	INSERT INTO app.tb_y SELECT i, 'y' || i FROM generate_series(1, 4) i;
	CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, fk_y int NOT NULL REFERENCES app.tb_y, n int, bad int);
	CREATE INDEX ON app.tb_x (fk_y);
	INSERT INTO app.tb_x SELECT i, 1 + i % 4, i, 0 FROM generate_series(1, 8000) i;
	CREATE VIEW app.v_x AS SELECT x.pk_x, jsonb_build_object('y', y.name, 'n', app.work(x.n, x.bad)) AS data
		FROM app.tb_x x JOIN app.tb_y y ON y.pk_y = x.fk_y;
	CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw OPTIONS (refresh 'background');
	IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
SQL
my $from = 0;

# Changes every row, through its y: a few marks, and many stale rows.
sub change_all
{
	my ($name) = @_;
	$from = -s $node->logfile;
	$node->safe_psql('postgres', "UPDATE app.tb_y SET name = '$name ' || pk_y");
	return;
}

sub helper
{
	return $node->safe_psql('postgres',
		q{SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'tview_fdw helper' AND state = 'active'});
}

# How many rows have been offered to helpers since the last change.
sub shared
{
	my $log = slurp_file($node->logfile, $from);
	my $rows = 0;
	$rows += $1 while $log =~ /sharing (\d+) rows of app\.tv_x with/g;
	return $rows;
}

# How many processes have refreshed rows since the last change.
sub processes
{
	my $log = slurp_file($node->logfile, $from);
	my %pids;
	$pids{$1} = 1 while $log =~ /\[(\d+)\] [^\n]*refreshing \d+ rows of app\.tv_x/g;
	return scalar keys %pids;
}

# Rows that readers had to compute so far.
my $computed = 0;

sub recomputed
{
	return $node->safe_psql('postgres', q{SELECT recomputed FROM tview.cache_stats WHERE tview = 'app.tv_x'::regclass});
}

sub is_refreshed
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(wait_for(sub {
		$node->safe_psql('postgres', <<~"SQL") eq 't';
			SELECT complete AND hollow = 0 AND (SELECT marks_pending = 0 FROM tview.store)
			FROM tview.cache_stats WHERE tview = 'app.tv_x'::regclass
		SQL
	}, 60), "refreshed: $what")
	  or diag($node->safe_psql('postgres', 'SELECT * FROM tview.cache_stats; SELECT * FROM tview.store'));
	is($node->safe_psql('postgres', <<~"SQL"), '0', "the view's rows: $what");
		SELECT count(*) FROM (SELECT * FROM app.tv_x EXCEPT ALL SELECT * FROM app.v_x) d
	SQL
	is(recomputed(), $computed, "no reader had to compute: $what");
	return;
}

is_refreshed('at first');

change_all('shared');
is_refreshed('shared');
cmp_ok(shared(), '>', 6000, 'most rows were');
cmp_ok(processes(), '>=', 2, 'and not computed by one process');

# writers and readers beside it
change_all('beside writers');
ok(wait_for(sub { helper() ne '' }, 30), 'a helper is there');
$node->safe_psql('postgres', <<~'SQL');
	UPDATE app.tb_x SET n = n + 10000 WHERE pk_x % 100 = 0;
	DELETE FROM app.tb_x WHERE pk_x > 7900;
	INSERT INTO app.tb_x SELECT i, 1, i, 0 FROM generate_series(7950, 8050) i;
	UPDATE app.tb_y SET name = name || '!' WHERE pk_y = 2;
SQL
is_refreshed('beside writers');

# helpers that are ended
change_all('ended');
ok(wait_for(sub { helper() ne '' }, 30), 'a helper is there');
cmp_ok($node->safe_psql('postgres',
	q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'tview_fdw helper'}),
	'>=', 1, 'helpers are ended');
is_refreshed('ended');

# the worker is, while its helpers go on
change_all('without the worker');
ok(wait_for(sub { helper() ne '' }, 30), 'a helper is there');
is($node->safe_psql('postgres',
	q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'tview_fdw worker'}),
	't', 'the worker is ended');
$node->safe_psql('postgres', q{UPDATE app.tb_y SET name = name || '.' WHERE pk_y = 1});
is_refreshed('without the worker');

# rows that raise an error: all others are refreshed
$node->safe_psql('postgres', 'UPDATE app.tb_x SET bad = n WHERE pk_x IN (3, 4711)');
change_all('with errors');
ok(wait_for(sub {
	$node->safe_psql('postgres', q{SELECT hollow <= 2 AND (SELECT marks_pending = 0 FROM tview.store)
		FROM tview.cache_stats WHERE tview = 'app.tv_x'::regclass}) eq 't'
}, 60), 'all rows but those that raise an error');
is($node->safe_psql('postgres', <<~'SQL'), '0', "the view's rows, but for those");
	SELECT count(*) FROM (SELECT * FROM app.v_x WHERE pk_x NOT IN (3, 4711)
		EXCEPT ALL SELECT * FROM app.tv_x WHERE pk_x NOT IN (3, 4711)) d
SQL
$computed = recomputed();
$node->safe_psql('postgres', 'UPDATE app.tb_x SET bad = 0 WHERE bad <> 0');
is_refreshed('errors mended');

# the TVIEW goes while it is shared, and comes back
$computed = 0;
change_all('dropped');
ok(wait_for(sub { helper() ne '' }, 30), 'a helper is there');
$node->safe_psql('postgres', q{DROP FOREIGN TABLE app.tv_x; IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app});
change_all('back again');
is_refreshed('back again');
cmp_ok(shared(), '>', 6000, 'most rows were shared');

# the store is emptied meanwhile
change_all('emptied');
ok(wait_for(sub { helper() ne '' }, 30), 'a helper is there');
$node->safe_psql('postgres', q{SELECT tview.reset('app.tv_x')});
is_refreshed('emptied');

# no helpers are wanted, or there are no places for them
$node->safe_psql('postgres', 'ALTER SYSTEM SET tview.refresh_workers = 0');
$node->reload;
change_all('not wanted');
is_refreshed('not wanted');
is(shared(), 0, 'nothing is shared');
$node->safe_psql('postgres', 'ALTER SYSTEM SET tview.refresh_workers = 16; ALTER SYSTEM SET max_worker_processes = 2');
$node->restart;
change_all('no places');
is_refreshed('no places');
is(shared(), 0, 'nothing is shared');
$node->stop;

done_testing();
