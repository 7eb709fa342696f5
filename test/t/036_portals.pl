# Proves: what a portal returns is of the snapshot that it was bound with, whatever the client does before it executes it; and a statement that the client has prepared returns the view's rows, too, where SQL executes it.
#
# Catches the mutants later_snapshot, snapshot_after_commands: whoever takes locks late takes a snapshot late, also after other commands
# Catches the mutant named_portals_unlocked: nothing is locked for a portal that is left for later

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;
use TviewWire;

my $node = new_cluster('main');
$node->start;
$node->safe_psql('postgres', <<~'SQL');
	CREATE EXTENSION tview_fdw;
	CREATE SCHEMA app;
	CREATE TABLE app.tb_x (pk_x int PRIMARY KEY, id int UNIQUE NOT NULL, n text);
	INSERT INTO app.tb_x SELECT i, 10 + i, 'n' || i FROM generate_series(1, 9) i;
	CREATE VIEW app.v_x AS SELECT pk_x, id, n FROM app.tb_x;
	CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw;
	IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
	SELECT count(*) FROM app.tv_x;
	SQL
my $change = "UPDATE app.tb_x SET n = 'changed ' || n WHERE pk_x = 1";
my $refill = "BEGIN; TRUNCATE app.tb_x; INSERT INTO app.tb_x SELECT i, 10 + i, 'refilled' FROM generate_series(1, 9) i";
my %query = (key => 'SELECT n, id FROM app.%s WHERE pk_x = $1', id => 'SELECT n, pk_x FROM app.%s WHERE id = 10 + $1');

my $other = TviewWire->connect($node, 'postgres');
$other->query(q{SET lock_timeout = '50ms'});
my %session;
for my $relation (qw(v_x tv_x))
{
	my $session = $session{$relation} = TviewWire->connect($node, 'postgres');
	# the library is there, so the look-ups are planned by it
	$session->query('SELECT FROM app.tv_x LIMIT 0');
	for my $name (sort keys %query)
	{
		$session->parse($name, sprintf($query{$name}, $relation));
		$session->bind('', $name, 9);
		$session->execute('');
		$session->sync;
	}
}

# Another's change, with the row as it is then in the store.
sub change_stored
{
	$other->query($change);
	$other->query('SELECT n FROM app.tv_x WHERE pk_x = 1') for 1 .. 3;
	return;
}

# What both sessions return, which begin with the same rows.
sub compare
{
	my ($what, $rows, $function) = @_;
	my %found;
	for my $relation (qw(v_x tv_x))
	{
		$other->query("DELETE FROM app.tb_x; INSERT INTO app.tb_x SELECT i, 10 + i, 'n' || i FROM generate_series(1, 9) i");
		$node->safe_psql('postgres', q{SELECT tview.refresh('app.tv_x')});
		$found{$relation} = $function->($session{$relation}, $relation);
		$session{$relation}->sync;
		$session{$relation}->query('ROLLBACK');
	}
	is($found{v_x}, $rows, "$what: the view");
	is($found{tv_x}, $found{v_x}, "$what: the TVIEW");
	return;
}

for my $name (sort keys %query)
{
	my $old = $name eq 'key' ? 'n1|11' : 'n1|1';
	my $new = "changed $old";
	for my $portal ('', 'named')
	{
		my $how = ($portal || 'unnamed') . " portal by $name";
		my $between = sub {
			my ($function, $rows) = @_;
			return sub {
				my ($session) = @_;
				$session->bind($portal, $name, 1);
				$function->($session);
				return $session->execute($portal, $rows);
			};
		};
		compare("$how, nothing between", $old, $between->(sub { }));
		compare("$how, an own change", $old, $between->(sub { $_[0]->run($change) }));
		compare("$how, an own removal", $old, $between->(sub { $_[0]->run('DELETE FROM app.tb_x WHERE pk_x = 1') }));
		compare("$how, another's change", $old, $between->(sub { $other->query($change) }));
		compare("$how, another's change, stored", $old, $between->(\&change_stored));
		compare("$how, a change of each", $old, $between->(sub { change_stored(); $_[0]->run($change) }));
		compare("$how, an own change and a reset", $old, $between->(sub { $_[0]->run($change); $other->query(q{SELECT tview.reset('tviews')}) }));
		compare("$how, who empties the table has to wait", $old, $between->(sub { $other->query('TRUNCATE app.tb_x') })) if $portal;
		compare("$how, in a block that begins later", $old, $between->(sub { $_[0]->run('BEGIN'); $_[0]->run($change) }));
		compare("$how, after a change", $new, sub {
			my ($session) = @_;
			$session->run($change);
			return $between->(sub { })->($session);
		});
		compare("$how, suspended", $old, sub {
			my ($session) = @_;
			my $row = $between->(sub { }, 1)->($session);
			$session->run($change);
			return join("\n", grep { length } $row, $session->execute($portal, 1), $session->execute($portal));
		});
	}
}

# the statement waits for who empties the table and fills it again
sub while_refilled
{
	my ($session, $statement) = @_;
	$other->query($refill);
	$session->begin_query($statement);
	$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'app.tb_x'::regclass}) or die 'nobody waits';
	$other->query('COMMIT');
	return $session->end_query;
}

my %execute = (
	'EXECUTE' => 'EXECUTE key(1)',
	'the last of several statements' => "$change; EXECUTE key(1)",
	'a function' => q{DO $$ DECLARE r record; BEGIN EXECUTE 'EXECUTE key(1)' INTO r; PERFORM set_config('x.n', r.n, false); END $$; SELECT current_setting('x.n'), 11},
	'CREATE TABLE AS' => 'CREATE TEMP TABLE found AS EXECUTE key(1); TABLE found; DROP TABLE found');
for my $mode (qw(auto force_generic_plan))
{
	$_->query("SET plan_cache_mode = $mode") for values %session;
	for my $way (sort keys %execute)
	{
		my $statement = $execute{$way};
		my $row = ($way =~ /last/ ? 'changed ' : '') . 'n1|11';
		compare("$mode, $way", $row, sub { $_[0]->query($statement) });
		compare("$mode, $way, after a change", "changed $row", sub { $other->query($change); $_[0]->query($statement) });
		# where SQL executes it the snapshot is taken before: no row is seen
		compare("$mode, $way, refilled", $way =~ /function/ ? '|11' : $way =~ /last/ ? 'changed refilled|11' : '',
			sub { while_refilled($_[0], $statement) });
	}
	compare("$mode, EXPLAIN", 1, sub { $_[0]->query('EXPLAIN (ANALYZE) EXECUTE key(1)') =~ /rows=1 loops=1/ });
}
compare('a statement of its own, refilled', 'refilled|11', sub { while_refilled($_[0], sprintf($query{key}, $_[1]) =~ s/\$1/1/r) });

$_->disconnect for $other, values %session;
$node->stop;

done_testing();
