# Proves: what a crash undoes (removed root rows, a definition, changes whose marks a reset has forgotten) is neither missing nor there in TVIEWs, although the store had followed it.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

# The module's callback holds a transaction that has published and not
# committed yet.
my $module = "$PostgreSQL::Test::Utils::tmp_check/late_write.so";
system_or_bail('gcc', '-fPIC', '-shared', '-O1', "-I$ENV{INCLUDEDIR_SERVER}",
	'-o', $module, "$ENV{TESTDIR}/test/t/late_write.c");

# Commits stay in the WAL's buffers until somebody flushes.
my $node = new_cluster(
	'main', 'synchronous_commit = off', 'wal_writer_delay = 10s',
	'wal_writer_flush_after = 1GB', 'autovacuum = off', 'restart_after_crash = on',
	"session_preload_libraries = '$module,tview_fdw'");
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');

my $session;

my @writers;

# A flushed state to fall back to; the processes that would flush more on
# their own are stopped until the crash.
sub begin_round
{
	$node->safe_psql('postgres',
		"CHECKPOINT; SET synchronous_commit = on; UPDATE app.tb_user SET name = name || '.' WHERE pk_user = 1");
	# 32 xids share what is known of their flushing: what comes now may make
	# earlier marks look unflushed, and no row would be stored beside them
	settle_all('before a round');
	@writers = split(/\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type IN ('walwriter', 'background writer')"));
	is(kill('STOP', @writers), 2, 'nobody flushes');
	$session = $node->background_psql('postgres');
	return;
}

sub restart_crashed
{
	kill('KILL', @writers);
	$node->stop('immediate');
	eval { $_->quit } for @_;
	$node->start;
	return;
}

# The crash; then xids are used up by transactions that change nothing, and
# readers settle what is left.
sub crash
{
	my ($what, $lost) = @_;
	is(check_in($session), '', "$what: equal before the crash");
	restart_crashed($session);
	is($node->safe_psql('postgres', $lost), 't', "$what: it is undone");
	return;
}

sub after_crash
{
	my ($what) = @_;
	$node->safe_psql('postgres', "BEGIN; SELECT txid_current(); ROLLBACK;" x 30);
	settle_all($what);
	is_equal($node, 'postgres', "$what: after the crash");
	return;
}

# A reader settles at once when it has computed in vain: a key whose row has
# just been removed.
sub settle_all
{
	my ($what) = @_;
	$node->safe_psql('postgres',
		"SET synchronous_commit = on; INSERT INTO app.tb_user (pk_user, name) VALUES (999, 'x');
		 INSERT INTO app.tb_post (pk_post, fk_user) VALUES (999, 999)");
	$node->safe_psql('postgres',
		"SET synchronous_commit = on; DELETE FROM app.tb_post WHERE pk_post = 999; DELETE FROM app.tb_user WHERE pk_user = 999");
	ok(wait_for(sub {
		$node->safe_psql('postgres', "SELECT FROM app.tv_post WHERE pk_post = 999");
		return store_field($node, 'postgres', 'marks_pending') eq '0';
	}), "$what: all marks are settled");
	return;
}

# ---- an entry that is deleted with its root row ----
begin_round();
# emptied first: only emptied entries are deleted
$session->query_safe("SET synchronous_commit = on; UPDATE app.tb_post SET title = 'emptied' WHERE pk_post IN (20, 21)");
settle_all('a deleted entry');
$session->query_safe("SET synchronous_commit = off; DELETE FROM app.tb_comment WHERE fk_post IN (20, 21)");
$session->query_safe("DELETE FROM app.tb_post WHERE pk_post IN (20, 21)");
$session->query("SELECT count(*) FROM app.tv_post WHERE pk_post IN (20, 21)");
crash('a deleted entry', "SELECT count(*) = 2 FROM app.tb_post WHERE pk_post IN (20, 21)");
after_crash('a deleted entry');

# ---- a TVIEW that is built without a removed row ----
begin_round();
$session->query_safe("SELECT tview.reset('app.tv_comment'); SELECT tview.reset('app.tv_rank')");
$session->query_safe("DELETE FROM app.tb_comment WHERE pk_comment = 30");
$session->query_safe("SELECT count(*) FROM app.tv_comment");
is($session->query("SELECT rows > 0 FROM tview.cache_stats WHERE tview = 'app.tv_comment'::regclass"),
	't', 'a build without a removed row: rows were stored');
crash('a build without a removed row', "SELECT count(*) = 1 FROM app.tb_comment WHERE pk_comment = 30");
after_crash('a build without a removed row');
begin_round();
$session->query_safe("DELETE FROM app.tb_comment WHERE pk_comment = 31");
$session->query("SET client_min_messages = error; SELECT tview.refresh('app.tv_comment')");
crash('a refresh without a removed row', "SELECT count(*) = 1 FROM app.tb_comment WHERE pk_comment = 31");
after_crash('a refresh without a removed row');

# ---- a definition that would be undone, and another one under the same xid ----
# Whether it is undone is not said: the store makes sure that it is not, and
# does not depend on that.
sub define_user
{
	my ($word) = @_;
	return "CREATE OR REPLACE VIEW app.v_user AS
		SELECT u.pk_user, u.id, jsonb_build_object('$word', u.name) AS data FROM app.tb_user u";
}
begin_round();
$session->query_safe(define_user('first'));
$session->query_safe("SELECT count(*) FROM app.tv_user");
is(check_in($session), '', 'a definition: equal before the crash');
my $count = $session->query("SELECT count(*) FROM app.tv_user WHERE data ? 'first'");
cmp_ok($count, '>', 0, 'a definition: it is used');
restart_crashed($session);
is_equal($node, 'postgres', 'a definition: after the crash');
$node->safe_psql('postgres', define_user('second'));
is_equal($node, 'postgres', 'a definition: another one');

# ---- a reset forgets the marks of a transaction that has published ----
begin_round();
my $holder = $node->background_psql('postgres');
$holder->query_safe("SELECT pg_advisory_lock(7)");
$session->query_until(qr/started/, q{
	\echo started
	BEGIN;
	SET LOCAL late_write.statement = 'SELECT pg_advisory_xact_lock(7)';
	UPDATE app.tb_user SET name = 'forgotten' WHERE pk_user = 2;
	COMMIT;
});
ok($node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"),
	'a reset: a transaction has published and waits');
my $reader = $node->background_psql('postgres');
$reader->query_safe("SELECT tview.reset('tviews')");
is(check_in($reader), '', 'a reset: equal while it waits');
$holder->query_safe("SELECT pg_advisory_unlock(7)");
ok($node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM app.tb_user WHERE name = 'forgotten'"),
	'a reset: the transaction has committed');
is(check_in($reader), '', 'a reset: equal after its commit');
is($reader->query("SELECT count(*) FROM app.tv_user WHERE pk_user = 2 AND data->>'second' = 'forgotten'"),
	'1', 'a reset: its change is seen');
restart_crashed($session, $holder, $reader);
is_equal($node, 'postgres', 'a reset: after the crash');
$node->stop;

done_testing();
