# Proves: what another extension writes while a transaction commits, after our marks were published, is seen like all the rest.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $module = "$PostgreSQL::Test::Utils::tmp_check/late_write.so";
system_or_bail('gcc', '-fPIC', '-shared', '-O1', "-I$ENV{INCLUDEDIR_SERVER}",
	'-o', $module, "$ENV{TESTDIR}/test/t/late_write.c");

# Callbacks are called in the opposite order of their registration.
my $node = new_cluster('main', "session_preload_libraries = '$module,tview_fdw'");
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
is_equal($node, 'postgres', 'at first');

my %late = (
	update => "UPDATE app.tb_user SET name = 'late' WHERE pk_user = 3",
	insert => "INSERT INTO app.tb_post (pk_post, fk_user, title) VALUES (901, 3, 'late')",
	move => "UPDATE app.tb_post SET fk_user = 4 WHERE pk_post = 901",
	delete => "DELETE FROM app.tb_comment WHERE fk_post = 11");
my %counts = (
	update => "app.tv_user WHERE data->>'name' = 'late'",
	insert => "app.tv_post WHERE data->>'title' = 'late'",
	move => "app.tv_post WHERE fk_user = 4 AND data->>'title' = 'late'",
	delete => "app.tv_post WHERE pk_post = 11 AND data->'comments' = '[]'");

# Others have read, so that everything is stored: a change that is not marked
# would be missed.
my $other = $node->background_psql('postgres');
my $old = $node->background_psql('postgres');
for my $kind (qw(update insert move delete))
{
	$old->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ");
	is(check_in($old), '', "an old snapshot, before the $kind");
	$node->safe_psql('postgres', qq{
		BEGIN;
		SET LOCAL late_write.statement = \$\$$late{$kind}\$\$;
		UPDATE app.tb_user SET name = 'in time for $kind' WHERE pk_user = 5;
		COMMIT;});
	is(check_in($other), '', "after the $kind");
	is($other->query("SELECT count(*) FROM $counts{$kind}"), '1', "the $kind is seen");
	is(check_in($old), '', "an old snapshot, after the $kind");
	$old->query_safe("COMMIT");
}
# nothing was marked before
$node->safe_psql('postgres', q{
	BEGIN;
	SET LOCAL late_write.statement = $$UPDATE app.tb_user SET name = 'alone' WHERE pk_user = 6$$;
	SELECT txid_current();
	COMMIT;});
is(check_in($other), '', 'after a transaction that writes late only');
# a prepared transaction
$node->safe_psql('postgres', q{
	BEGIN;
	SET LOCAL late_write.statement = $$UPDATE app.tb_user SET name = 'prepared' WHERE pk_user = 7$$;
	UPDATE app.tb_user SET name = 'in time' WHERE pk_user = 8;
	PREPARE TRANSACTION 'late';});
is(check_in($other), '', 'while it is prepared');
$node->safe_psql('postgres', "COMMIT PREPARED 'late'");
is(check_in($other), '', 'after COMMIT PREPARED');
$_->quit for $other, $old;
$node->stop;

done_testing();
