# Proves: a build can be watched from other sessions and cancelled; what is left is a TVIEW that works and is not complete, and is completed by tview.refresh or by reads.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', "max_parallel_workers_per_gather = 0");
$node->start;
# a view of which each row takes its time
$node->safe_psql('postgres', q{
	CREATE EXTENSION tview_fdw;
	CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw;
	CREATE SCHEMA app;
	CREATE TABLE app.tb_slow (pk_slow int PRIMARY KEY, id uuid DEFAULT gen_random_uuid(), body text);
	INSERT INTO app.tb_slow SELECT i, gen_random_uuid(), 'body ' || i FROM generate_series(1, 12000) i;
	ANALYZE app.tb_slow;
	CREATE FUNCTION app.slowly(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN
		IF current_setting('app.slow', true) = 'on' THEN
			PERFORM pg_sleep(0.0005);
		END IF;
		RETURN t;
	END $$;
	CREATE VIEW app.v_slow AS
		SELECT pk_slow, id, jsonb_build_object('body', app.slowly(body)) AS data FROM app.tb_slow;});
my $create = "CREATE FOREIGN TABLE app.tv_slow (pk_slow int, id uuid, data jsonb) SERVER tviews OPTIONS (view 'app.v_slow')";
my $columns = "name, rows_done, rows_expected, pid, started <= now()";

sub progress
{
	return $node->safe_psql('postgres', "SELECT $columns FROM tview.progress");
}

# Waits until so many rows are done; returns what tview.progress says then.
sub wait_rows
{
	my ($least) = @_;
	my @row;
	wait_for(sub {
		@row = split(/\|/, progress());
		return @row && $row[1] >= $least;
	});
	return @row;
}

sub same
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql('postgres', "(TABLE app.v_slow EXCEPT ALL TABLE app.tv_slow) UNION ALL (TABLE app.tv_slow EXCEPT ALL TABLE app.v_slow)"),
		'', "equal: $what");
}

sub is_complete
{
	return $node->safe_psql('postgres', "SELECT complete FROM tview.cache_stats WHERE tview = 'app.tv_slow'::regclass");
}

is(progress(), '', 'no build is under way');

# ---- CREATE FOREIGN TABLE, cancelled ----

my $builder = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $builder->query_safe('SELECT pg_backend_pid()');
$builder->query_safe("SET app.slow = 'on'");
$builder->query_until(qr/started/, "\\echo started\n$create;\nSELECT 'it ' || 'is over';\n");
my ($name, $done, $expected, $builder_pid, $began) = wait_rows(1);
like($name, qr/tv_slow/, 'tview.progress names the TVIEW');
is($expected, 12000, 'and the rows that are expected');
is($builder_pid, $pid, 'and the backend');
is($began, 't', 'and when it began');
my (undef, $more) = wait_rows($done + 1);
cmp_ok($more, '>', $done, 'rows_done grows');
cmp_ok($more, '<', 12000, 'and has not reached the end');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$builder->query_until(qr/it is over/, "");
like($builder->{stderr}, qr/WARNING: .*tv_slow was created, but could not be filled/, 'a WARNING');
unlike($builder->{stderr}, qr/ERROR/, 'and no ERROR');
$builder->{stderr} = '';
is(progress(), '', 'the build is over');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_foreign_table WHERE ftrelid = 'app.tv_slow'::regclass"), '1', 'the TVIEW is there');
is(is_complete(), 'f', 'and not complete');
is($node->safe_psql('postgres', "SELECT count(*) FROM app.tv_slow WHERE pk_slow IN (1, 6000, 12000, 12001)"), '3', 'it can be looked up');
$node->safe_psql('postgres', "UPDATE app.tb_slow SET body = 'changed' WHERE pk_slow IN (2, 12000); DELETE FROM app.tb_slow WHERE pk_slow = 3; INSERT INTO app.tb_slow VALUES (12001)");
same('an incomplete TVIEW');

# ---- completed by a scan that runs to its end ----

$node->safe_psql('postgres', "SELECT tview.reset('app.tv_slow')");
is(is_complete(), 'f', 'a reset leaves it incomplete');
$node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT pk_slow, data FROM app.tv_slow) x');
$node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT pk_slow, data FROM app.tv_slow) x');
is(is_complete(), 't', 'reading all of it completes it');
my $figures = figures($node, 'postgres', 'SELECT * FROM app.tv_slow');
is("$figures->{served} $figures->{recomputed}", '12000 0', 'it is served');
same('completed by reads');

# ---- tview.refresh, cancelled and not ----

$node->safe_psql('postgres', "SELECT tview.reset('app.tv_slow')");
$builder->query_until(qr/started/, "\\echo started\nSELECT tview.refresh('app.tv_slow');\nSELECT 'it ' || 'is over';\n");
wait_rows(1);
$node->safe_psql('postgres', "UPDATE app.tb_slow SET body = 'during' WHERE pk_slow IN (5, 11999)");
same('during a build');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$builder->query_until(qr/it is over/, "");
like($builder->{stderr}, qr/ERROR: .*canceling statement/, 'a cancelled tview.refresh is an ERROR');
$builder->{stderr} = '';
is(progress(), '', 'the build is over');
same('after a cancelled refresh');
is($node->safe_psql('postgres', "SELECT tview.refresh('app.tv_slow')"), '12000', 'tview.refresh fills it');
is(is_complete(), 't', 'and completes it');
same('after a refresh');

# ---- the builder is killed, and the transaction is rolled back ----

$node->safe_psql('postgres', 'DROP FOREIGN TABLE app.tv_slow');
$builder->query_until(qr/started/, "\\echo started\nBEGIN;\n$create;\n");
wait_rows(1);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for(sub { $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' });
eval { $builder->quit };
is(progress(), '', 'a terminated build is over');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_foreign_table"), '0', 'and nothing is left of it');
$node->safe_psql('postgres', "BEGIN; $create; SELECT count(*) FROM app.tv_slow; ROLLBACK;");
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'app.tb_slow'::regclass"),
	'0', 'a rolled back creation leaves no trigger');
$node->safe_psql('postgres', $create);
is(is_complete(), 't', 'created in peace, it is complete');
same('in the end');

# ---- a crash in the middle of a build ----

$node->safe_psql('postgres', "SELECT tview.reset('app.tv_slow')");
$builder = $node->background_psql('postgres', on_error_stop => 0);
$builder->query_safe("SET app.slow = 'on'");
$builder->query_until(qr/started/, "\\echo started\nSELECT tview.refresh('app.tv_slow');\n");
wait_rows(1);
$node->stop('immediate');
eval { $builder->quit };
$node->start;
is(progress(), '', 'no build is left after a crash');
same('after a crash in the middle of a build');
is($node->safe_psql('postgres', "SELECT tview.refresh('app.tv_slow')"), '12000', 'tview.refresh fills it');
same('and it is right');
$node->stop;

done_testing();
