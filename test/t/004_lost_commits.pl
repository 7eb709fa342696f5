# Proves: asynchronous commits that a crash loses, whose xids are then given out again, leave neither their rows nor stale ones behind in TVIEWs.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster(
	'main', 'synchronous_commit = off', 'wal_writer_delay = 10s',
	'wal_writer_flush_after = 1GB', 'autovacuum = off', 'bgwriter_delay = 10s');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
is_equal($node, 'postgres', 'at first');

my ($lost, $reused) = (0, 0);
for my $round (1 .. 6)
{
	# the lost ones stay alone in the WAL's buffers
	$node->safe_psql('postgres',
		"CHECKPOINT; SET synchronous_commit = on; UPDATE app.tb_user SET name = 'flushed $round' WHERE pk_user = 1");
	my $session = $node->background_psql('postgres');
	$session->query_safe(
		"UPDATE app.tb_user SET name = 'lost' WHERE pk_user = 2;
		 INSERT INTO app.tb_post (pk_post, fk_user, title) VALUES (5000 + $round, 2, 'lost');
		 UPDATE app.tb_post SET fk_user = 3 WHERE pk_post = 10;
		 DELETE FROM app.tb_comment WHERE fk_post = 11;
		 UPDATE app.tb_post SET hidden = NOT hidden WHERE pk_post = 7;");
	# read, and so perhaps store, what is committed and not flushed
	my $seen = check_in($session);
	is($seen, '', "round $round: equal before the crash");
	is($session->query("SELECT count(*) FROM app.tv_post WHERE data->>'title' = 'lost' AND pk_post = 5000 + $round"),
		'1', "round $round: seen before the crash");
	# every second time, settling has looked at them as well
	$session->query("SELECT count(*) FROM app.tv_$_") for $round % 2 ? () : qw(post comment user post comment user);
	my $next = $session->query("SELECT pg_snapshot_xmax(pg_current_snapshot())");
	$node->stop('immediate');
	eval { $session->quit };
	$node->start;

	my $after = $node->safe_psql('postgres', "SELECT pg_snapshot_xmax(pg_current_snapshot())");
	my $left = $node->safe_psql('postgres', "SELECT count(*) FROM app.tb_post WHERE pk_post = 5000 + $round");
	$lost++ if $left eq '0';
	$reused++ if $after < $next;
	is_equal($node, 'postgres', "round $round: after the crash") if $round % 3;
	# other changes under the same xids: some of the same rows, some others
	$node->safe_psql('postgres',
		"UPDATE app.tb_user SET name = 'second life $round' WHERE pk_user = 4;
		 UPDATE app.tb_post SET title = 'second life $round' WHERE pk_post = 12;
		 INSERT INTO app.tb_comment (fk_post, fk_user, body) VALUES (10, 4, 'second life $round');
		 SELECT txid_current(); SELECT txid_current(); SELECT txid_current();");
	is_equal($node, 'postgres', "round $round: after new transactions with the same xids");
	is_equal($node, 'postgres', "round $round: once more");
}
cmp_ok($lost, '>', 0, "commits were lost ($lost times)");
cmp_ok($reused, '>', 0, "xids were given out again ($reused times)");
is($node->safe_psql('postgres', "SELECT v.* FROM unnest('{user,post,comment,rank,feed}'::text[]) x,
	tview.verify(('app.tv_' || x)::regclass) v"), '', 'the store verifies');
$node->stop;

done_testing();
