# Proves: pg_dump and pg_restore (plain, custom in parallel, by sections, data only with disabled triggers) give TVIEWs that work, and no trigger or record of ours is dumped.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres', "map_size '64MB'");
$node->safe_psql('postgres', <<~'SQL');
	CREATE FOREIGN TABLE app.tv_text (pk_post int, id uuid, fk_user int, data json)
		SERVER tviews OPTIONS (view 'app.v_post', key 'pk_post');
	SQL
is_equal($node, 'postgres', 'the original');
my $dir = PostgreSQL::Test::Utils::tempdir();

# What every restored database must do.
sub works
{
	my ($db, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_equal($node, $db, "$what: at first");
	is($node->safe_psql($db, "SELECT string_agg(ftrelid::regclass::text, ' ' ORDER BY ftrelid::regclass::text) FROM pg_foreign_table"),
		'app.tv_comment app.tv_feed app.tv_post app.tv_rank app.tv_text app.tv_user', "$what: the TVIEWs are there");
	is($node->safe_psql($db, "SELECT count(*) FROM tview.status WHERE problem IS NULL"), '6', "$what: and known");
	is($node->safe_psql($db, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'app.tb%'"),
		$node->safe_psql('postgres', "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'app.tb%'"),
		"$what: as many triggers");
	$node->safe_psql($db, churn(20, 1));
	is_equal($node, $db, "$what: after changes");
	is($node->safe_psql($db, <<~'SQL'), 'json|0', "$what: json over jsonb");
		SELECT (SELECT format_type(atttypid, NULL) FROM pg_attribute
				WHERE attrelid = 'app.tv_text'::regclass AND attname = 'data'),
			count(*) FILTER (WHERE row(t.pk_post, t.data::text) IS DISTINCT FROM row(v.pk_post, v.data::text))
		FROM app.tv_text t FULL JOIN app.v_post v USING (pk_post)
		SQL
	$node->safe_psql($db, "SELECT tview.refresh('app.tv_' || x) FROM unnest('{user,post,comment}'::text[]) x");
	is_warm($node, $db, $what, user => 15, post => 50, comment => 100);
	is_equal($node, 'postgres', "$what: the original");
	return;
}

# ---- plain ----

$node->command_ok([ 'pg_dump', '-f', "$dir/plain.sql", $node->connstr('postgres') ], 'pg_dump');
my $plain = slurp_file("$dir/plain.sql");
unlike($plain, qr/CREATE TRIGGER/, 'no trigger is dumped');
unlike($plain, qr/^COPY tview|INSERT INTO tview/m, 'no record of ours is dumped');
like($plain, qr/CREATE FOREIGN TABLE app\.tv_post/, 'the TVIEWs are');
$node->safe_psql('template1', 'CREATE DATABASE plain');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain.sql", $node->connstr('plain') ], 'psql');
works('plain', 'plain');

# ---- custom, parallel ----

$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/custom", $node->connstr('postgres') ], 'pg_dump -Fc');
$node->safe_psql('template1', 'CREATE DATABASE custom');
$node->command_ok([ 'pg_restore', '-e', '-j2', '-d', $node->connstr('custom'), "$dir/custom" ], 'pg_restore -j2');
works('custom', 'custom');

# ---- single transaction ----

$node->safe_psql('template1', 'CREATE DATABASE single');
$node->command_ok([ 'pg_restore', '-1', '-d', $node->connstr('single'), "$dir/custom" ], 'pg_restore -1');
works('single', 'single transaction');

# ---- by sections ----

$node->safe_psql('template1', 'CREATE DATABASE sections');
for my $section (qw(pre-data data post-data))
{
	$node->command_ok([ 'pg_restore', '-e', "--section=$section", '-d', $node->connstr('sections'), "$dir/custom" ],
		"pg_restore --section=$section");
	is_equal($node, 'sections', "after --section=$section");
}
works('sections', 'sections');

# ---- data only, into TVIEWs that are in use ----

$node->safe_psql('template1', 'CREATE DATABASE data');
$node->command_ok([ 'pg_restore', '-e', '--schema-only', '-d', $node->connstr('data'), "$dir/custom" ], 'pg_restore --schema-only');
is_equal($node, 'data', 'schema only');
my $session = $node->background_psql('data', on_error_stop => 0);
is(check_in($session), '', 'a session that has read the empty TVIEWs');
$node->command_ok([ 'pg_restore', '-e', '--data-only', '--disable-triggers', '-d', $node->connstr('data'), "$dir/custom" ],
	'pg_restore --data-only --disable-triggers');
is($node->safe_psql('data', 'SELECT count(*) > 50 FROM app.tb_post'), 't', 'there are data');
is(check_in($session), '', 'that session after the restore');
works('data', 'data only');
is(check_in($session), '', 'that session at the end');
$session->quit;

# the same over a restore that is cut off in the middle
$node->safe_psql('data', 'ALTER TABLE app.tb_user DISABLE TRIGGER ALL');
$node->safe_psql('data', "UPDATE app.tb_user SET name = 'untold' WHERE pk_user = 2");
is_equal($node, 'data', 'while triggers are disabled');
$node->safe_psql('data', 'ALTER TABLE app.tb_user ENABLE TRIGGER ALL');
is_equal($node, 'data', 'after they are enabled');
$node->safe_psql('data', "UPDATE app.tb_user SET name = 'told' WHERE pk_user = 3");
is_equal($node, 'data', 'and are used');
works('data', 'after all that');

# ---- the roles are other ones, and the whole cluster ----

$node->command_ok([ 'pg_dumpall', '-f', "$dir/all.sql", '-d', $node->connstr('postgres') ], 'pg_dumpall');
my $copy = new_cluster('copy');
$copy->start;
$copy->psql('postgres', "DROP SCHEMA public");
$copy->command_ok([ 'psql', '-qX', '-f', "$dir/all.sql", $copy->connstr('template1') ], 'psql of pg_dumpall');
for my $db (qw(postgres plain custom sections data))
{
	is_equal($copy, $db, "pg_dumpall: $db in another cluster");
	$copy->safe_psql($db, churn(5, 1));
	is_equal($copy, $db, "pg_dumpall: $db in another cluster, after changes");
}
$_->stop for $node, $copy;

done_testing();
