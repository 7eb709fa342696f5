# Proves: stores follow a database to another tablespace, end with DROP DATABASE there, outlive rewriting maintenance of base tables, DROP SERVER in a prepared transaction, and pg_restore --clean over TVIEWs in use.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main');
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE one; CREATE DATABASE two');
for my $db (qw(one two))
{
	load_schema($node, $db);
	create_tviews($node, $db);
}
my $refresh = "SELECT tview.refresh('app.tv_' || x) FROM unnest('{user,post,comment}'::text[]) x";

# ---- two databases of one cluster, through a crash ----

for my $db (qw(one two))
{
	$node->safe_psql($db, "UPDATE app.tb_user SET name = '$db'");
	$node->safe_psql($db, churn(20, 1));
}
is_equal($node, $_, "$_ beside the other") for qw(one two);
$node->safe_psql('one', "UPDATE app.tb_user SET name = 'one, late'; SELECT tview.reset('tviews')");
$node->stop('immediate');
$node->start;
is_equal($node, $_, "$_ after a crash") for qw(one two);
is_warm($node, 'two', 'a reset in one leaves two alone', user => 20, post => 20, comment => 50);

# ---- maintenance that rewrites base tables ----

for my $command (
	'VACUUM FULL app.tb_user', 'VACUUM (FREEZE) app.tb_post', 'CLUSTER app.tb_post USING tb_post_pkey',
	'REINDEX TABLE app.tb_comment', 'REINDEX TABLE CONCURRENTLY app.tb_post', 'VACUUM FULL',
	'REINDEX DATABASE one', 'ANALYZE')
{
	my $session = $node->background_psql('one', on_error_stop => 0);
	is(check_in($session, 'post'), '', "$command: a session from before");
	# an old snapshot, where the command does not wait for it
	my $old = $node->background_psql('one', on_error_stop => 0);
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1') if $command !~ /CONCURRENTLY/;
	$node->safe_psql('one', $command);
	is(check_in($session, 'post', 'user'), '', "$command: that session");
	is(check_in($old, 'post', 'user'), '', "$command: an old snapshot");
	$old->query('COMMIT');
	is_equal($node, 'one', $command);
	$node->safe_psql('one', churn(10, 1));
	is_equal($node, 'one', "$command, after writes");
	$_->quit for $session, $old;
}
$node->safe_psql('one', $refresh);
is_warm($node, 'one', 'after maintenance');
like(($node->psql('one', 'ANALYZE VERBOSE app.tv_user'))[2], qr/"tv_user": view has ([1-9]\d*) rows; \1 rows in sample/,
	'ANALYZE VERBOSE says what it has looked at');

# ---- another tablespace ----

my $place = PostgreSQL::Test::Utils::tempdir('place');
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$place'");
$node->safe_psql('postgres', 'ALTER DATABASE one SET TABLESPACE elsewhere');
is(scalar(store_directories($node)), 1, 'the moved store is gone from its old place');
is_equal($node, 'one', 'in another tablespace');
$node->safe_psql('one', churn(20, 1));
is_equal($node, 'one', 'in another tablespace, after writes');
$node->safe_psql('one', $refresh);
is_warm($node, 'one', 'in another tablespace');
like(store_field($node, 'one', 'path'), qr/pg_tblspc/, 'tview.store says where');
my @there = glob("$place/*/*/pgsql_tmp_tview_*");
is(scalar(@there), 1, 'there is one store there') or diag("@there");
$node->safe_psql('postgres', 'ALTER DATABASE one SET TABLESPACE pg_default');
is_equal($node, 'one', 'and back');
$node->safe_psql('one', churn(20, 1));
is_equal($node, 'one', 'and back, after writes');
@there = glob("$place/*/*");
is(scalar(@there), 0, 'nothing is left there') or diag("@there");
# tables alone
$node->safe_psql('one', 'ALTER TABLE app.tb_user SET TABLESPACE elsewhere');
is_equal($node, 'one', 'a base table in another tablespace');
$node->safe_psql('one', churn(20, 1));
is_equal($node, 'one', 'a base table in another tablespace, after writes');
$node->safe_psql('one', 'ALTER TABLE app.tb_user SET TABLESPACE pg_default');
$node->safe_psql('postgres', 'ALTER DATABASE two SET TABLESPACE elsewhere');
is_equal($node, 'two', 'two moves as well');
$node->safe_psql('postgres', 'DROP DATABASE two');
@there = glob("$place/*/*/*");
is(scalar(@there), 0, 'DROP DATABASE leaves nothing there') or diag("@there");

# ---- pg_restore --clean over TVIEWs in use ----

my $dump = PostgreSQL::Test::Utils::tempdir('dump') . '/custom';
my $session = $node->background_psql('one', on_error_stop => 0);
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('one') ], 'pg_dump -Fc');
$node->safe_psql('one', churn(20, 1));
is(check_in($session), '', 'before pg_restore --clean');
for my $jobs (1, 2)
{
	$node->command_ok([ 'pg_restore', '-e', '--clean', '--if-exists', "-j$jobs", '-d', $node->connstr('one'), $dump ],
		"pg_restore --clean -j$jobs");
	is(check_in($session), '', "after pg_restore --clean -j$jobs: a session from before");
	is_equal($node, 'one', "after pg_restore --clean -j$jobs");
	$node->safe_psql('one', churn(20, 1));
	is_equal($node, 'one', "after pg_restore --clean -j$jobs and writes");
	is($node->safe_psql('one', 'SELECT count(*) FROM tview.status WHERE problem IS NULL'), 5, 'all are known');
}
is(scalar(store_directories($node)), 1, 'there is one store') or diag(join(' ', store_directories($node)));
$node->safe_psql('one', $refresh);
is_warm($node, 'one', 'after pg_restore --clean');
$session->quit;

# ---- DROP SERVER in a prepared transaction ----

my ($left) = store_directories($node);
$session = $node->background_psql('one', on_error_stop => 0);
is(check_in($session, 'user'), '', 'before DROP SERVER is prepared');
$node->safe_psql('one', "SET client_min_messages = error; BEGIN; DROP VIEW app.v_feed CASCADE; DROP SERVER tviews CASCADE; PREPARE TRANSACTION 'drop'");
$node->stop('immediate');
eval { $session->quit };
$node->start;
$node->safe_psql('one', "COMMIT PREPARED 'drop'");
is($node->safe_psql('one', 'SELECT count(*) FROM pg_foreign_table'), 0, 'the TVIEWs are gone');
$node->safe_psql('one', churn(10, 1));
create_tviews($node, 'one');
is_equal($node, 'one', 'created anew');
$node->safe_psql('one', churn(10, 1));
is_equal($node, 'one', 'created anew, after writes');
isnt(store_directory($node, 'one'), $left, 'in a directory of their own');
is(scalar(grep { $_ ne $left } store_directories($node)), 1, 'one store is in use');
$node->safe_psql('postgres', 'DROP DATABASE one');
is(scalar(store_directories($node)), 0, 'DROP DATABASE takes what was left');
$node->stop;

done_testing();
