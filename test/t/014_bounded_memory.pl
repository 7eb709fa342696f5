# Proves: a scan of a million rows holds bounded memory in the backend, served and computed, and a cancelled scan leaves neither memory nor a reader's place nor an old snapshot behind.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $rows = 1_000_000;
my $limit = 24 * 1024;
my $node = new_cluster(
	'main', 'max_wal_size = 2GB', 'max_parallel_workers_per_gather = 0',
	'wal_level = minimal', 'max_wal_senders = 0', 'jit = off');
$node->start;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION tview_fdw;
	CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '2GB', populate 'off');
	CREATE SCHEMA app;
	BEGIN;
	CREATE TABLE app.tb_small (pk_small int PRIMARY KEY, n int);
	COPY app.tb_small FROM PROGRAM 'seq 1 $rows | sed "s/\\(.*\\)/\\1\\t\\1/"';
	COMMIT;
	VACUUM ANALYZE app.tb_small;
	CREATE VIEW app.v_small AS SELECT pk_small, jsonb_build_object('n', n) AS data FROM app.tb_small;
	IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;});

my $session;
my $pid;

sub connect_anew
{
	$session->quit if $session;
	$session = $node->background_psql('postgres', on_error_stop => 0);
	$pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe('SELECT count(*) FROM app.tb_small WHERE pk_small < 10; SELECT * FROM app.tv_small WHERE pk_small = 1');
	return;
}

# Private memory that a query adds at its peak, in kB; the peak includes what
# is mapped and shared, so watch RssAnon while it runs.
sub peak_of
{
	my ($query) = @_;
	my $before = backend_memory($pid, 'RssAnon');
	my $peak = $before;
	$session->{stdin} .= "$query;\nSELECT 'it ' || 'is over';\n";
	until ($session->{stdout} =~ /it is over/)
	{
		$session->{run}->pump_nb;
		my $now = backend_memory($pid, 'RssAnon');
		$peak = $now if $now > $peak;
		select(undef, undef, undef, 0.02);
		die 'timeout' if $session->{timeout}->is_expired;
	}
	my $out = $session->{stdout} =~ s/it is over\n//r;
	$session->{stdout} = '';
	return ($peak - $before, $out);
}

connect_anew();
my ($grown, $out) = peak_of("SELECT count(*), sum((data->>'n')::int) FROM app.tv_small");
is($out, "$rows|500000500000\n", 'a scan that builds');
cmp_ok($grown, '<', $limit, "it takes $grown kB");
($grown, $out) = peak_of("SELECT tview.refresh('app.tv_small')");
is($out, "$rows\n", 'tview.refresh');
cmp_ok($grown, '<', $limit, "it takes $grown kB");
connect_anew();
($grown, $out) = peak_of("SELECT count(*), sum((data->>'n')::int) FROM app.tv_small");
is($out, "$rows|500000500000\n", 'a scan that is served');
cmp_ok($grown, '<', $limit, "it takes $grown kB");
my $plan = $session->query('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT pk_small FROM app.tv_small');
like($plan, qr/Served: $rows\n/, 'all of it was served');

# a bypass streams
$session->query_safe('BEGIN ISOLATION LEVEL SERIALIZABLE');
($grown, $out) = peak_of("SELECT count(*), sum((data->>'n')::int) FROM app.tv_small");
is($out, "$rows|500000500000\n", 'a scan that runs the view');
cmp_ok($grown, '<', $limit, "it takes $grown kB");
$session->query_safe('COMMIT');

# a cursor, to and fro, and stale rows among the others
$node->safe_psql('postgres', 'UPDATE app.tb_small SET n = n + 1 WHERE pk_small % 100 = 0');
($grown, $out) = peak_of("SELECT count(*), sum((data->>'n')::int) FROM app.tv_small");
is($out, "$rows|500000510000\n", 'a scan with stale rows');
cmp_ok($grown, '<', $limit, "it takes $grown kB");
$session->query_safe('BEGIN; DECLARE c CURSOR FOR SELECT * FROM app.tv_small ORDER BY pk_small');
($grown, $out) = peak_of('MOVE 900000 IN c');
cmp_ok($grown, '<', $limit, "a cursor takes $grown kB");
$session->query_safe('COMMIT');

# a million look-ups
connect_anew();
my $lookups = "DO \$\$ DECLARE d jsonb; BEGIN FOR i IN 1..100000 LOOP SELECT data INTO d FROM app.tv_small WHERE pk_small = i * 7; END LOOP; END \$\$";
peak_of($lookups);
($grown) = peak_of($lookups);
cmp_ok($grown, '<', $limit / 4, "100000 look-ups more take $grown kB");

# ---- cancelled ----

my $readers = store_field($node, 'postgres', 'readers');
connect_anew();
for my $query (
	"SELECT count(*) FROM app.tv_small a, app.tv_small b WHERE a.data <> b.data",
	"SELECT sum(length(data::text)) FROM app.tv_small, generate_series(1, 1000)")
{
	$session->{stdin} .= "$query;\nSELECT 'it ' || 'is over';\n";
	$session->{run}->pump_nb;
	wait_for(sub { $session->{run}->pump_nb;
		$node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND state = 'active' AND now() - query_start > '0.3 s'") eq '1' });
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	my $at = time();
	$session->{run}->pump until $session->{stdout} =~ /it is over/ || $session->{timeout}->is_expired;
	cmp_ok(time() - $at, '<', 5, 'a cancel is obeyed soon');
	like($session->{stderr}, qr/canceling statement due to user request/, 'a scan is cancelled');
	unlike($session->{stderr}, qr/WARNING/, 'and complains about nothing left open');
	$session->{stdout} = $session->{stderr} = '';
	is($node->safe_psql('postgres', "SELECT backend_xmin IS NULL AND state = 'idle' FROM pg_stat_activity WHERE pid = $pid"), 't', 'no snapshot is left');
	is($session->query('SELECT count(*) FROM app.tv_small WHERE pk_small < 100'), '99', 'the session goes on');
}
# what was cancelled holds no old pages: the file does not grow under writes
my $used = store_field($node, 'postgres', 'map_used');
for my $i (1 .. 5)
{
	$node->safe_psql('postgres', "UPDATE app.tb_small SET n = n + 1 WHERE pk_small % 1000 = $i; SELECT count(*) FROM app.tv_small;");
}
my $then = store_field($node, 'postgres', 'map_used');
cmp_ok($then - $used, '<', 64 * 1024**2, 'the map does not grow without bounds');
is($node->safe_psql('postgres', "SELECT count(*), sum((data->>'n')::int) FROM app.tv_small"),
	$node->safe_psql('postgres', "SELECT count(*), sum((data->>'n')::int) FROM app.v_small"), 'equal at the end');
$session->quit;
is(store_field($node, 'postgres', 'readers') <= $readers + 1, 1, 'no place of a reader is left behind');
$node->stop;

done_testing();
