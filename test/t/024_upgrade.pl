# Proves: after pg_upgrade, which leaves the triggers behind, TVIEWs run their views and say so, and the first DDL command or tview.refresh has them served again, without waiting for locks.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $said = 'recorded before pg_upgrade';
my $bindir = dirname((grep { -x } map { "$_/pg_upgrade" } split(/:/, $ENV{PATH}))[0]);

# A cluster with TVIEWs, upgraded to another one that is started.
sub upgraded
{
	my ($name, @how) = @_;
	my $old = new_cluster("old_$name");
	$old->start;
	load_schema($old, 'postgres');
	create_tviews($old, 'postgres');
	$old->safe_psql('postgres', churn(20, 1));
	is_equal($old, 'postgres', "$name: the old cluster");
	$old->stop;
	my $new = new_cluster("new_$name");
	# what is left of its directory stays where tests keep their files
	chdir $PostgreSQL::Test::Utils::tmp_check or die "could not change directory: $!";
	command_ok([
		'pg_upgrade', '--no-sync', @how, '-b', $bindir, '-B', $bindir, '-s', $new->host,
		'-d', $old->data_dir, '-D', $new->data_dir, '-p', $old->port, '-P', $new->port ],
		"$name: pg_upgrade");
	$new->start;
	is(scalar(store_directories($new)), 0, "$name: the new cluster has no store");
	is_equal($new, 'postgres', "$name: the new cluster");
	$new->safe_psql('postgres', churn(30, 1));
	is_equal($new, 'postgres', "$name: after writes that no trigger saw");
	is(figures($new, 'postgres', 'SELECT * FROM app.tv_post')->{bypass}, $said, "$name: EXPLAIN says why");
	is(problems($new), 5, "$name: tview.status says so");
	is(store_field($new, 'postgres', 'state'), $said, "$name: tview.store says so");
	return $new;
}

# How many TVIEWs tview.status calls left behind.
sub problems
{
	my ($node) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM tview.status WHERE problem = '$said'");
}

sub is_repaired
{
	my ($node, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(problems($node), 0, "$what: nothing is left behind");
	is_equal($node, 'postgres', $what);
	is(store_field($node, 'postgres', 'state'), 'ok', "$what: tview.store is content");
	$node->safe_psql('postgres', churn(30, 1));
	is_equal($node, 'postgres', "$what, after writes");
	$node->safe_psql('postgres', "SELECT tview.refresh(tview) FROM tview.status");
	is_warm($node, 'postgres', $what);
	$node->safe_psql('postgres', churn(30, 1));
	is_equal($node, 'postgres', "$what, warm, after writes");
	return;
}

# ---- tview.refresh of one, and DDL for the rest ----

my $node = upgraded('copied');
my $session = $node->background_psql('postgres', on_error_stop => 0);
is(check_in($session), '', 'copied: a session');
$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_user')");
is_warm($node, 'postgres', 'copied: one is refreshed', user => 20);
is(problems($node), 4, 'copied: four are still left behind');
$node->safe_psql('postgres', churn(30, 1));
is(check_in($session), '', 'copied: that session, after writes');
is_equal($node, 'postgres', 'copied: one is refreshed, after writes');
# a writer keeps a base table: the command goes on, and the rest waits
my $writer = $node->background_psql('postgres', on_error_stop => 0);
$writer->query_safe("BEGIN; UPDATE app.tb_comment SET body = 'open' WHERE pk_comment = 5");
$node->safe_psql('postgres', "SET lock_timeout = '1s'; CREATE TABLE app.unconcerned (i int)");
is($node->safe_psql('postgres', "SELECT string_agg(tview::text, ' ' ORDER BY tview::text) FROM tview.status WHERE problem = '$said'"),
	'app.tv_comment app.tv_feed app.tv_post', 'copied: what cannot be locked is left for later');
is(check_in($session), '', 'copied: that session, after DDL');
$writer->query_safe("COMMIT");
$writer->quit;
$node->safe_psql('postgres', 'DROP TABLE app.unconcerned; CREATE TABLE app.unconcerned (i int)');
is(check_in($session), '', 'copied: that session, after more DDL');
is_repaired($node, 'copied: in the end');
is(check_in($session), '', 'copied: that session, in the end');
$session->quit;
$node->stop;

# ---- at once, for all, by a role that owns none of it ----

$node = upgraded('linked', '--link');
$node->safe_psql('postgres', 'CREATE ROLE other; GRANT CREATE ON SCHEMA app TO other');
$node->safe_psql('postgres', 'SET ROLE other; CREATE TABLE app.mine (i int)');
is_repaired($node, 'linked: after any DDL command');
$node->safe_psql('postgres', 'SET client_min_messages = error; DROP SERVER tviews CASCADE');
is(scalar(store_directories($node)), 0, 'linked: DROP SERVER leaves no store');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%tview%'"), '0', 'nor triggers');
$node->stop;

done_testing();
