# Proves: beside another extension that takes part in planning, look-ups are planned the short way only where that one is asked all the same, which it is when tview_fdw was loaded first.

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', 'compute_query_id = on');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
# an estimate of a document's width, which the short way does not ask for
$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements; ANALYZE app.tv_post');
my $query = 'SELECT data FROM app.tv_post WHERE pk_post = 3';

# how wide the plan says that a row is, in either way of planning
sub width
{
	my ($way) = @_;
	my $plan = $node->safe_psql('postgres',
		"LOAD 'tview_fdw'; SET tview.plan_lookups = $way; EXPLAIN (FORMAT JSON) $query");
	return decode_json($plan)->[0]{Plan}{'Plan Width'};
}

# How often the statistics' planner was asked, of five executions.
sub plans
{
	$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
	$node->safe_psql('postgres', join(';', "LOAD 'tview_fdw'", ($query) x 5));
	return $node->safe_psql('postgres',
		q{SELECT concat_ws(' ', plans, calls, rows) FROM pg_stat_statements WHERE query LIKE 'SELECT data FROM app.tv_post %'});
}

isnt(width('on'), width('off'), 'alone');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track_planning = on");
$node->restart;
is(width('on'), width('off'), 'behind pg_stat_statements: left to it');
is(plans(), '5 5 5', 'it counts all plans');
is_equal($node, 'postgres', 'rows');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tview_fdw, pg_stat_statements'");
$node->restart;
isnt(width('on'), width('off'), 'within it');
is(plans(), '5 5 5', 'it counts all plans, too');
is_equal($node, 'postgres', 'rows');

# the plan of a look-up that was started the short way, shown after it ran
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tview_fdw, auto_explain'");
$node->restart;
my (undef, undef, $shown) = $node->psql('postgres', <<~"SQL");
	SET auto_explain.log_min_duration = 0;
	SET auto_explain.log_level = notice;
	SET auto_explain.log_verbose = on;
	$query;
	SET auto_explain.log_analyze = on;
	$query;
	SQL
is(() = $shown =~ /Foreign Scan on app\.tv_post .*?View: app\.v_post.*?Store: lookup.*?pk_post = 3/gs, 2, 'auto_explain shows the plan');
is(() = $shown =~ /Served: 1/g, 1, 'and what it did');
$node->stop;

done_testing();
