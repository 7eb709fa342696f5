# Proves: ALTER SERVER takes effect at once in all sessions, and a tiny map, a tiny mark log and few readers cost speed but no row and no user's statement.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', "timezone = 'UTC'");
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
$node->safe_psql('postgres', q{
	CREATE VIEW app.v_time AS SELECT pk_user AS pk_time, id,
		jsonb_build_object('at', '2026-01-01 00:00+00'::timestamptz + pk_user * interval '1 day') AS data FROM app.tb_user;
	SET client_min_messages = error;
	IMPORT FOREIGN SCHEMA app LIMIT TO (tv_time) FROM SERVER tviews INTO app;});

# Sessions that have used the store before the options change.
my $other = $node->background_psql('postgres', on_error_stop => 0);
my $writer = $node->background_psql('postgres', on_error_stop => 0);
$writer->query_safe("UPDATE app.tb_user SET name = 'first' WHERE pk_user = 1");
$other->query_safe("SELECT count(*) FROM app.tv_post");

sub alter
{
	my ($option, $value) = @_;
	my $there = $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_foreign_server, pg_options_to_table(srvoptions) WHERE srvname = 'tviews' AND option_name = '$option'");
	my $verb = $there ? 'SET' : 'ADD';
	$node->safe_psql('postgres', "ALTER SERVER tviews OPTIONS ($verb $option '$value')");
	return;
}

# Old and new sessions read the same and write what the others see.
my $count = 0;
sub works
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$count++;
	note(time() . " $what");
	my ($out, $failed) = $writer->query(
		"UPDATE app.tb_user SET name = 'n$count' WHERE pk_user <= 3; UPDATE app.tb_post SET fk_user = $count % 20 + 1 WHERE pk_post = 5");
	is($failed, 0, "$what: a session from before can write");
	is(check_in($other), '', "$what: a session from before reads what the view has");
	is_equal($node, 'postgres', "$what: a new session");
	$node->safe_psql('postgres', churn(10, 1));
	is(check_in($other, 'post', 'user'), '', "$what: the session from before, again");
	return;
}

works('at first');
my $epoch = store_field($node, 'postgres', 'epoch');
alter('map_size', '2GB');
works('a larger map');
is(store_field($node, 'postgres', 'map_size'), 2 * 1024**3, 'a larger map is there');
is(store_field($node, 'postgres', 'epoch'), $epoch, 'without a reset');

alter('mark_log_size', '1MB');
works('a smaller mark log');
is(store_field($node, 'postgres', 'mark_log_capacity'), 32768, 'the mark log has the size');
is(store_field($node, 'postgres', 'reset_reason'), 'options changed', 'by a reset');
is_warm($node, 'postgres', 'after that', user => 15, post => 50, comment => 150);

alter('sync', 'on');
works('sync');
alter('sync', 'off');
works('no sync');

# settings: a session with another TimeZone is served or not.
my $pacific = "SET timezone = 'America/Los_Angeles'";
my $query = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT data FROM app.tv_time";
$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_time')");
like($node->safe_psql('postgres', "$pacific; $query"), qr/Bypass: .*TimeZone/i, "settings 'session' bypasses");
alter('settings', 'pinned');
my $plan = $node->safe_psql('postgres', "$pacific; $query");
like($plan, qr/Served: 20/, "settings 'pinned' serves");
unlike($plan, qr/Bypass/, "settings 'pinned' does not bypass");
alter('settings', 'session');
like($node->safe_psql('postgres', "$pacific; $query"), qr/Bypass: .*TimeZone/i, "settings 'session' bypasses again");
is($node->safe_psql('postgres', "$pacific; SELECT count(*) FROM (TABLE app.v_time EXCEPT ALL TABLE app.tv_time) d"), '0', 'and is exact');

# A map that is much too small.
alter('map_size', '1MB');
works('a smaller map');
$node->safe_psql('postgres', "UPDATE app.tb_comment SET body = repeat(md5(pk_comment::text), 200)");
works('the map is full');
$node->safe_psql('postgres', "INSERT INTO app.tb_comment (fk_post, fk_user, body) SELECT pk_post, 1, repeat(md5(i::text), 300) FROM app.tb_post, generate_series(1, 3) i");
works('the map is full, more');
is($node->safe_psql('postgres', "SELECT tview.refresh('app.tv_post') IS NOT NULL"), 't', 'tview.refresh does not fail');
cmp_ok(store_field($node, 'postgres', 'coalesce(map_used, 0)'), '<=', 1024**2, 'the map keeps to its size');
my @busy = map { start_session($node, 'postgres', "busy$_", churn(20, 1)) } 1 .. 2;
my $reader = start_session($node, 'postgres', 'reader', check_sql('post', 'user') . ';');
sleep 3;
for my $session (@busy, $reader)
{
	my ($out, $error) = stop_session($session);
	is($out, '', "a full map: $session->{name} sees no difference");
	is($error, '', "a full map: $session->{name} sees no error");
}
works('the map is full, afterwards');
$node->safe_psql('postgres', "UPDATE app.tb_comment SET body = 'short'; DELETE FROM app.tb_comment WHERE pk_comment > 250");
alter('map_size', '64MB');
works('a map that suffices again');
$node->safe_psql('postgres', "SELECT count(*) FROM app.tv_$_") for qw(user post comment);
is_warm($node, 'postgres', 'a map that suffices again', user => 15, post => 30, comment => 30);

# A mark log that is much too small: 2048 marks.
alter('mark_log_size', '64kB');
works('a tiny mark log');
is(store_field($node, 'postgres', 'mark_log_capacity'), 2048, 'it holds 2048 marks');
# an old snapshot keeps all of them
my $old = $node->background_psql('postgres', on_error_stop => 0);
$old->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ");
is(check_in($old, 'post', 'user'), '', 'an old snapshot');
$node->safe_psql('postgres', "UPDATE app.tb_comment SET body = body || '.';" x 12);
$node->safe_psql('postgres', "UPDATE app.tb_comment SET body = 'x' || $_ WHERE pk_comment % 5 = $_;" x 5) for 1 .. 4;
is(check_in($old), '', 'the log is full: an old snapshot');
works('the log is full');
@busy = map { start_session($node, 'postgres', "busy$_", churn(60, 1)) } 1 .. 2;
$reader = start_session($node, 'postgres', 'reader', check_sql('post', 'user') . ';');
sleep 3;
for my $session (@busy, $reader)
{
	my ($out, $error) = stop_session($session);
	is($out, '', "a full log: $session->{name} sees no difference");
	is($error, '', "a full log: $session->{name} sees no error");
}
is(check_in($old), '', 'a full log, afterwards: an old snapshot');
$old->query_safe("COMMIT");
$old->quit;
# one transaction with more marks than the log has room for
$node->safe_psql('postgres', "SET tview.max_marks_per_transaction = 1000000; INSERT INTO app.tb_comment (fk_post, fk_user, body) SELECT pk_post, 1, 'bulk' FROM app.tb_post, generate_series(1, 40) i");
works('more marks than the log has room for');
$node->safe_psql('postgres', "DELETE FROM app.tb_comment WHERE body = 'bulk'");

alter('max_readers', '16');
works('few readers');
alter('mark_log_size', '16MB');
works('at the end');
$_->quit for $other, $writer;
$node->stop;

done_testing();
