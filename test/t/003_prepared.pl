# Proves: a prepared transaction is invisible until COMMIT PREPARED and seen afterwards, over clean restarts, immediate stops and settling under it; so is its ROLLBACK PREPARED.

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

# Changes the shapes of a document: moves, inserts, deletes, renames.
sub prepare
{
	my ($name, $user) = @_;
	$node->safe_psql(
		'postgres', qq{
		BEGIN;
		UPDATE app.tb_user SET name = '$name' WHERE pk_user = $user;
		UPDATE app.tb_post SET fk_user = $user WHERE pk_post = $user + 20;
		UPDATE app.tb_post SET hidden = NOT hidden WHERE pk_post IN ($user + 40, 7 * $user);
		DELETE FROM app.tb_comment WHERE fk_post = $user + 60;
		INSERT INTO app.tb_post (pk_post, fk_user, title) VALUES (1000 + $user, $user, '$name');
		INSERT INTO app.tb_comment (fk_post, fk_user, body) VALUES (1000 + $user, $user, '$name');
		PREPARE TRANSACTION '$name';});
	return;
}

sub count_of
{
	my ($name) = @_;
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM app.tv_post WHERE data->'author'->>'name' = '$name'");
}

my $user = 0;
for my $end ('a clean restart', 'an immediate stop', 'nothing')
{
	my ($kept, $undone) = ("kept" . ++$user, "undone" . ++$user);
	prepare($kept, $user - 1);
	prepare($undone, $user);
	is_equal($node, 'postgres', "two are prepared, before $end");
	is(count_of($kept) + count_of($undone), 0, 'nothing of them is seen');

	# others write on
	# (without waiting for the rows that the prepared ones have locked)
	$node->safe_psql('postgres',
		"SET lock_timeout = '1ms';" . churn(60, 1, 8, 80) x 3);
	$node->safe_psql('postgres',
		"UPDATE app.tb_comment SET body = body || '.' WHERE fk_user > 10 AND fk_post < 60;" x 10);
	is_equal($node, 'postgres', "two are prepared, others write");
	is(store_field($node, 'postgres', 'reset_reason'), '', 'no reset');
	cmp_ok(store_field($node, 'postgres', 'marks_pending'), '>', 0, 'marks are pending');

	$node->restart if $end eq 'a clean restart';
	if ($end eq 'an immediate stop')
	{
		$node->stop('immediate');
		$node->start;
	}
	is_equal($node, 'postgres', "two are prepared, after $end");
	is(count_of($kept) + count_of($undone), 0, 'nothing of them is seen');

	$node->safe_psql('postgres', "ROLLBACK PREPARED '$undone'");
	is_equal($node, 'postgres', "one is rolled back, after $end");
	$node->safe_psql('postgres', "COMMIT PREPARED '$kept'");
	is_equal($node, 'postgres', "the other is committed, after $end");
	cmp_ok(count_of($kept), '>', 0, 'it is seen');
	is(count_of($undone), 0, 'the other one is not');
}

# A snapshot from before COMMIT PREPARED goes on not to see it.
prepare('late', 9);
my $old = $node->background_psql('postgres', on_error_stop => 0);
$old->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ");
is(check_in($old), '', 'an old snapshot, before');
$node->safe_psql('postgres', "COMMIT PREPARED 'late'");
is(check_in($old), '', 'an old snapshot, after');
is_equal($node, 'postgres', 'a new snapshot');
is(check_in($old), '', 'an old snapshot, after others have read');
$old->query_safe("COMMIT");
$old->quit;
is_equal($node, 'postgres', 'at the end');
$node->stop;

done_testing();
