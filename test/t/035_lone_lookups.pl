# Proves: a look-up that is a statement of its own shows nothing older than a read of the view before it, and nothing newer than one after it, while rows, triggers, tables and definitions change.
#
# Such look-ups read without locks, under a snapshot that no other read has: so
# they cannot be compared with the view in one statement.  All numbers only grow.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $node = new_cluster('main', 'max_connections = 40');
$node->start;
$node->safe_psql('postgres', <<~'SQL');
	CREATE EXTENSION tview_fdw;
	CREATE SCHEMA app;
	CREATE TABLE app.tb_y (pk_y int PRIMARY KEY, m bigint NOT NULL);
	CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, id uuid UNIQUE NOT NULL, fk_y int NOT NULL, n bigint NOT NULL);
	INSERT INTO app.tb_y SELECT i, 0 FROM generate_series(1, 4) i;
	INSERT INTO app.tb_x SELECT i, md5('x' || i)::uuid, 1 + i % 4, 0 FROM generate_series(1, 20) i;
	CREATE SEQUENCE app.definition;
	CREATE VIEW app.v_x AS SELECT pk_x, x.id, n + m + 0 AS n FROM app.tb_x x JOIN app.tb_y ON pk_y = fk_y;
	CREATE TABLE app.wrong (k int, low bigint, found bigint, high bigint);
	CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '64MB');
	IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
	SELECT count(*) FROM app.tv_x;
	SQL

my $dir = PostgreSQL::Test::Utils::tempdir();
my %script = (
	key => 'pk_x = :k', id => "id = md5('x' || :k)::uuid");
$_ = <<~"SQL" for values %script;
	\\set k random(1, 20)
	SELECT n AS low FROM app.v_x WHERE pk_x = :k \\gset
	SELECT n AS found FROM app.tv_x WHERE $_ \\gset
	SELECT n AS high FROM app.v_x WHERE pk_x = :k \\gset
	\\if :found < :low or :found > :high
	INSERT INTO app.wrong VALUES (:k, :low, :found, :high);
	\\endif
	SQL
$script{write} = <<~'SQL';
	\set k random(1, 20)
	\set y random(1, 4)
	UPDATE app.tb_x SET n = n + 1 WHERE pk_x = :k;
	UPDATE app.tb_y SET m = m + 1 WHERE pk_y = :y;
	\sleep 2 ms
	SQL
$script{ddl} = <<~'SQL';
	BEGIN;
	ALTER TABLE app.tb_x DISABLE TRIGGER ALL;
	UPDATE app.tb_x SET n = n + 1;
	COMMIT;
	UPDATE app.tb_x SET n = n + 1;
	ALTER TABLE app.tb_x ENABLE TRIGGER ALL;
	\sleep 20 ms
	DO $$ BEGIN EXECUTE format('CREATE OR REPLACE VIEW app.v_x AS SELECT pk_x, x.id, n + m + %s AS n
		FROM app.tb_x x JOIN app.tb_y ON pk_y = fk_y', nextval('app.definition')); END $$;
	\sleep 20 ms
	BEGIN;
	LOCK TABLE app.tb_x IN ACCESS EXCLUSIVE MODE;
	CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE app.tb_x;
	TRUNCATE app.tb_x;
	INSERT INTO app.tb_x SELECT pk_x, id, fk_y, n + 1 FROM kept;
	COMMIT;
	\sleep 20 ms
	SQL
PostgreSQL::Test::Utils::append_to_file("$dir/$_.sql", $script{$_}) for keys %script;

# Runs a few clients with these scripts until the handle is finished.
sub begin_clients
{
	my ($mode, $clients, $seconds, @names) = @_;
	my $output = '';
	my $run = IPC::Run::start(
		[ 'pgbench', '-n', '-M', $mode, '-c', $clients, '-T', $seconds, '--max-tries=100',
			(map { ('-f', "$dir/$_.sql") } @names), $node->connstr('postgres') ],
		'<', \undef, '>&', \$output);
	return sub { ok($run->finish, "$mode: @names") or diag($output) };
}

for my $mode (qw(prepared simple))
{
	my @running = (
		begin_clients($mode, 4, 8, 'key', 'id'),
		begin_clients($mode, 2, 8, 'write'),
		begin_clients('simple', 1, 8, 'ddl'));
	$_->() for @running;
	is($node->safe_psql('postgres', 'SELECT * FROM app.wrong LIMIT 20'), '', "$mode: no look-up is out of its time");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM app.tv_x t JOIN app.v_x v USING (pk_x) WHERE row(t.id, t.n) = row(v.id, v.n)'),
		'20', "$mode: and all is well at the end");
}
is($node->safe_psql('postgres', 'SELECT served > 100 AND recomputed > 100 FROM tview.cache_stats'), 't', 'rows came from the store and from the view');
$node->stop;

done_testing();
