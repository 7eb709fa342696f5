# Proves: what other sessions drop - TVIEWs, base tables, servers - leaves no descriptors and kept plans, and no open files and maps of removed stores, in a session that has used it and lives on; nor do statements of ever new kinds leave plans without end.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', 'autovacuum = off', 'cpu_operator_cost = 10');
$node->start;
$node->safe_psql('postgres', <<~'SQL');
	CREATE EXTENSION tview_fdw;
	CREATE SCHEMA app;
	CREATE TABLE app.tb_stays (pk_stays int PRIMARY KEY, word text);
	INSERT INTO app.tb_stays VALUES (1, 'one'), (2, 'two');
	CREATE VIEW app.v_stays AS TABLE app.tb_stays;
	CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw;
	IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
	-- a write, and reads with plans of each kind
	CREATE PROCEDURE app.use(name text) LANGUAGE plpgsql AS $$
	DECLARE
		r record;
	BEGIN
		EXECUTE format('UPDATE app.tb_%s SET word = word || ''.''', name);
		EXECUTE format('SELECT * FROM app.tv_%1$s WHERE pk_%1$s = 1', name) INTO r;
		COMMIT;
		EXECUTE format('SELECT * FROM app.tv_%1$s WHERE pk_%1$s = 1', name) INTO r;
		EXECUTE format('SELECT * FROM app.tv_%1$s WHERE pk_%1$s < 3', name) INTO r;
		EXECUTE format('SELECT count(*) FROM app.tv_%1$s WHERE pk_%1$s IN (1, 2)', name) INTO r;
	END $$;
SQL
my $session = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $session->query('SELECT pg_backend_pid()');

# The session uses what another one makes and drops.
sub use_and_drop
{
	my ($n, $server) = @_;
	for (1 .. $n)
	{
		$node->safe_psql('postgres', ($server eq 'goes' ? 'CREATE SERVER goes FOREIGN DATA WRAPPER tview_fdw;' : '') . <<~"SQL");
			CREATE TABLE app.tb_goes (pk_goes int PRIMARY KEY, word text);
			INSERT INTO app.tb_goes VALUES (1, 'one'), (2, 'two');
			CREATE VIEW app.v_goes AS TABLE app.tb_goes;
			IMPORT FOREIGN SCHEMA app LIMIT TO (tv_goes) FROM SERVER $server INTO app;
		SQL
		$session->query(q{CALL app.use('goes')});
		$node->safe_psql('postgres', 'DROP FOREIGN TABLE app.tv_goes; DROP TABLE app.tb_goes CASCADE;'
			  . ($server eq 'goes' ? 'DROP SERVER goes' : ''));
	}
	$session->query(q{CALL app.use('stays')});
	return;
}

# How many contexts of a kind the session has.
sub contexts
{
	my ($name) = @_;
	return $session->query("SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE '$name'");
}

# Files of removed stores that the session has open or mapped.  LMDB 0.9.26 to
# 0.9.31 cannot close its own while others use the store.
sub removed_files
{
	my @files = map { readlink($_) // '' } glob("/proc/$pid/fd/*");
	push @files, slurp_file("/proc/$pid/maps") =~ /(\S+ \(deleted\))$/mg;
	return join(' ', grep { m!pgsql_tmp_tview.*/(control|marks|sums) \(deleted\)! } @files);
}

use_and_drop(1, 'goes');
is(removed_files(), '', 'a server that was dropped');
# what is kept of dropped ones goes once in a while; it would be one descriptor,
# one base table and four plans each time
use_and_drop(30, 'tviews');
my ($tviews, $plans) = (contexts('TVIEW %'), contexts('CachedPlanSource'));
use_and_drop(40, 'tviews');
cmp_ok(contexts('TVIEW %'), '<', $tviews + 40, 'descriptors of TVIEWs that were dropped');
cmp_ok(contexts('CachedPlanSource'), '<', $plans + 50, 'plans of TVIEWs that were dropped');
use_and_drop(3, 'goes');
is(removed_files(), '', 'servers that were dropped');
is($session->query('SELECT string_agg(t::text, $$ $$ ORDER BY pk_stays) FROM app.tv_stays t'),
	$session->query('SELECT string_agg(t::text, $$ $$ ORDER BY pk_stays) FROM app.v_stays t'), 'the one that stays');
# each statement reads other columns of the view: 2 ** 11 - 1 sets
my $columns = join(', ', map { "word AS c$_" } 1 .. 11);
$node->safe_psql('postgres', <<~"SQL");
	CREATE VIEW app.v_wide AS SELECT pk_stays AS pk_wide, $columns FROM app.tb_stays;
	IMPORT FOREIGN SCHEMA app LIMIT TO (tv_wide) FROM SERVER tviews INTO app;
SQL
$session->query(<<~'SQL');
	BEGIN ISOLATION LEVEL SERIALIZABLE;
	DO $$ DECLARE
		columns text;
		r record;
	BEGIN
		FOR i IN 1 .. 2047 LOOP
			SELECT string_agg('c' || c, ', ' ORDER BY c) INTO columns FROM generate_series(1, 11) c WHERE i >> (c - 1) & 1 = 1;
			EXECUTE format('SELECT %s FROM app.tv_wide WHERE pk_wide = 1', columns) INTO r;
		END LOOP;
	END $$;
	COMMIT;
SQL
cmp_ok(contexts('CachedPlanSource'), '<', 1024 + 200, 'statements of many kinds');
$session->quit;
$node->stop;

done_testing();
