# Proves: the stores of several databases, servers and template copies in one cluster do not meet, and DROP of a database, server or the extension leaves no directory.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
is_equal($node, 'postgres', 'the original');

# A copy has the same oids, rows and keys, and its own contents from here on.
# The directory is copied with the rest, by both ways of copying.
for my $strategy (qw(wal_log file_copy))
{
	$node->safe_psql('template1', "CREATE DATABASE $strategy TEMPLATE postgres STRATEGY $strategy");
	is_equal($node, $strategy, "$strategy: a copy of a database with TVIEWs");
	$node->safe_psql($strategy, "UPDATE app.tb_user SET name = '$strategy'");
	$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'original $strategy'; DELETE FROM app.tb_post WHERE pk_post = 1 + length('$strategy')");
	is_equal($node, 'postgres', "$strategy: the original after changes in both");
	is_equal($node, $strategy, "$strategy: the copy after changes in both");
	is($node->safe_psql($strategy, "SELECT count(*) FROM app.tv_user WHERE data->>'name' = '$strategy'"),
		'20', "$strategy: the copy has its own rows");
	isnt(store_directory($node, $strategy), store_directory($node, 'postgres'), "$strategy: another directory");
	is_warm($node, $strategy, "$strategy: the copy is served");
	my $copied = join(' ', map { s{.*/base/}{}r } store_directories($node));
	is(scalar(() = $copied =~ m{\b(\d+)/pgsql_tmp_tview_(?!\g{1}_)}g), 0, "$strategy: no foreign store is left in the copy")
	  or diag($copied);
}
# the same through a database that was a template of a copy already
$node->safe_psql('template1', "CREATE DATABASE second TEMPLATE wal_log");
is_equal($node, 'second', 'a copy of a copy');

# What a template's store knew must not be trusted when the copy gets the oid
# of a database that is gone: its directory is gone with it.
$node->safe_psql('template1', "DROP DATABASE second");
$node->safe_psql('template1', "DROP DATABASE file_copy");
$node->safe_psql('template1', "DROP DATABASE wal_log");
is(scalar(store_directories($node)), 1, 'DROP DATABASE leaves no store') or diag(join(' ', store_directories($node)));

# Several servers in one database, on the same views.
$node->safe_psql('postgres', "CREATE SCHEMA other");
$node->safe_psql('postgres', q{
	SET client_min_messages = error;
	CREATE SERVER second FOREIGN DATA WRAPPER tview_fdw;
	IMPORT FOREIGN SCHEMA app LIMIT TO (tv_user, tv_post) FROM SERVER second INTO other;});
is(scalar(store_directories($node)), 2, 'a store for each server');
$node->safe_psql('postgres', churn(50, 1));
is_equal($node, 'postgres', 'the first server');
is($node->safe_psql('postgres', "TABLE app.v_post EXCEPT ALL TABLE other.tv_post"), '', 'the second server');
is($node->safe_psql('postgres', "TABLE other.tv_user EXCEPT ALL TABLE app.tv_user"), '', 'both');
$node->safe_psql('postgres', "SELECT tview.reset('second')");
is_warm($node, 'postgres', 'the first server after a reset of the second', user => 20, post => 50, comment => 150);
$node->safe_psql('postgres', churn(20, 1));
is($node->safe_psql('postgres', "TABLE app.v_post EXCEPT ALL TABLE other.tv_post"), '', 'the second server after its reset');
$node->safe_psql('postgres', "SET client_min_messages = error; DROP SERVER second CASCADE");
is(scalar(store_directories($node)), 1, 'DROP SERVER leaves no store');
is_equal($node, 'postgres', 'the first server after DROP SERVER of the second');

# A place of one's own.
my $elsewhere = PostgreSQL::Test::Utils::tempdir('elsewhere');
$node->safe_psql('postgres', qq{
	SET client_min_messages = error;
	CREATE SERVER third FOREIGN DATA WRAPPER tview_fdw OPTIONS (store_path '$elsewhere');
	IMPORT FOREIGN SCHEMA app LIMIT TO (tv_user, tv_post) FROM SERVER third INTO other;});
my @there = glob("$elsewhere/*");
is(scalar(@there), 1, 'the store is at store_path') or diag("@there");
is((stat($there[0]))[2] & 07777, 0700, 'for the owner alone');
is($node->safe_psql('postgres', "TABLE app.v_post EXCEPT ALL TABLE other.tv_post"), '', 'the third server');
# a copy of the database has the same path in its options
$node->safe_psql('template1', "CREATE DATABASE copy TEMPLATE postgres");
$node->safe_psql('copy', "UPDATE app.tb_user SET name = 'copy'");
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'third'");
for my $db (qw(copy postgres))
{
	is($node->safe_psql($db, "TABLE app.v_post EXCEPT ALL TABLE other.tv_post"), '', "store_path in $db");
	is($node->safe_psql($db, "TABLE other.tv_user EXCEPT ALL TABLE app.v_user"), '', "store_path in $db");
}
is(scalar(() = glob("$elsewhere/*")), 2, 'a directory for each database');
my $moved = PostgreSQL::Test::Utils::tempdir('moved');
$node->safe_psql('postgres', "ALTER SERVER third OPTIONS (SET store_path '$moved')");
$node->safe_psql('postgres', churn(20, 1));
is($node->safe_psql('postgres', "TABLE app.v_post EXCEPT ALL TABLE other.tv_post"), '', 'after a move of store_path');
is(scalar(() = glob("$moved/*")), 1, 'the store has moved');
is(scalar(() = glob("$elsewhere/*")), 1, 'and left nothing behind');

$node->safe_psql('copy', "SET client_min_messages = error; DROP EXTENSION tview_fdw CASCADE");
is(scalar(() = glob("$elsewhere/*")), 0, 'DROP EXTENSION leaves nothing at store_path');
$node->safe_psql('template1', "DROP DATABASE copy");
$node->safe_psql('postgres', "SET client_min_messages = error; DROP EXTENSION tview_fdw CASCADE");
is(scalar(() = glob("$moved/*")), 0, 'DROP EXTENSION leaves nothing at store_path');
is(scalar(store_directories($node)), 0, 'DROP EXTENSION leaves no store');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), '0', 'nor triggers');
$node->safe_psql('postgres', churn(10, 1));

# And from the beginning.
# (v_feed went with tv_post)
create_tviews($node, 'postgres');
is_equal($node, 'postgres', 'created anew');
$node->safe_psql('postgres', "SET client_min_messages = error; DROP SCHEMA app CASCADE; DROP SERVER tviews");
is(scalar(store_directories($node)), 0, 'DROP SCHEMA and DROP SERVER leave no store');
$node->stop;

done_testing();
