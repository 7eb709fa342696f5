# Proves: the isolation specs hermitage_* give byte for byte the output that PostgreSQL gives for the same text over the views, in a database without the extension; in SERIALIZABLE nothing is served, and a reader of a TVIEW is refused where a reader of the view is.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

my $tester = dirname($ENV{PG_REGRESS}) . '/../isolation/isolationtester';
my $node = new_cluster('main', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(tviews plain);

# The output of a spec.
sub run_spec
{
	my ($db, $text) = @_;
	my ($out, $err);
	IPC::Run::run([ $tester, $node->connstr($db) ], '<', \$text, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	# few random permutations need not use every step
	$err =~ s/^unused step name: \S+\n//mg;
	is($err, '', "no message of the tester in $db");
	return $out;
}

# The same spec over the views, without the extension.
sub over_views
{
	my ($text) = @_;
	$text =~ s/\btv_/v_/g;
	$text =~ s/^.*CREATE EXTENSION.*\n//m;
	$text =~ s/^.*CREATE SERVER.*\n//m;
	$text =~ s/^.*IMPORT FOREIGN SCHEMA.*\n/\tSET search_path = app;\n/m;
	$text =~ s/DROP SERVER s CASCADE; //;
	return $text;
}

my @specs = glob("test/specs/hermitage_*.spec");
cmp_ok(scalar @specs, '>=', 8, 'there are specs');
for my $file (@specs)
{
	my $name = basename($file, '.spec');
	my $text = slurp_file($file);
	my $through_tviews = run_spec('tviews', $text);
	my $through_views = run_spec('plain', over_views($text));

	is($through_tviews =~ s/\btv_/v_/gr, $through_views, "$name: TVIEWs give what views give");
	cmp_ok(scalar(() = $through_views =~ /^starting permutation/mg), '>', 9, "$name: permutations");
	unlike($through_tviews, qr/\|f *$/m, "$name: no row differs from the view's");

	# both shapes of a family are one text
	next unless $name =~ /_doc$/;
	my $rows = slurp_file($file =~ s/_doc\.spec/_row.spec/r);
	$rows =~ s/\b(\w+_)row\b/$1doc/g;
	is(steps($rows), steps($text), "$name: the spec over rows is the same");
}

# Random ones: three sessions, each of which writes rows of its own (so that
# nobody waits), reads what it likes, and has a level of its own.  Which
# harmless transactions are refused depends on plans, so the reads are those
# that have the same plan either way, and OFFSET 0 keeps the order out of it.
my $seed = $ENV{SEED} || time;
srand($seed);

sub one_of { return $_[ int(rand(@_)) ] }

sub random_spec
{
	my ($permutations) = @_;
	my %reads = (
		doc_1 => 'tv_doc WHERE pk_doc = 1', doc_2 => 'tv_doc WHERE pk_doc = 2', doc_3 => 'tv_doc WHERE pk_doc = 3',
		docs => 'tv_doc', docs_from => 'tv_doc WHERE pk_doc > 1',
		docs_like => 'tv_doc WHERE value % 2 = 0', rows => 'tv_row', row_2 => 'tv_row WHERE pk_row = 2',
		row_3 => 'tv_row WHERE pk_row = 3', rows_like => 'tv_row WHERE value > 20');
	my ($text) = slurp_file('test/specs/hermitage_g2_doc.spec') =~ /^(.*?)^session s1/ms;
	my %levels = (s => 'SERIALIZABLE', rr => 'REPEATABLE READ', rc => 'READ COMMITTED');
	my %writes;

	# one more document
	$text =~ s/VALUES \(1\), \(2\)/VALUES (1), (2), (3)/;
	$text =~ s/\(2, 2, 20\)/(2, 2, 20), (3, 3, 30)/;
	for my $n (1 .. 3)
	{
		my $other = $n % 3 + 1;
		$writes{$n} = {
			change => "UPDATE tb_item SET value = value + 1 WHERE pk_item = $n", put => "INSERT INTO tb_item VALUES (1$n, $other, $n)",
			move => "UPDATE tb_item SET fk_box = $other WHERE pk_item = $n", delete => "DELETE FROM tb_item WHERE pk_item = $n",
			box => "INSERT INTO tb_box VALUES (1$n)" };
		$text .= "session s$n\nsetup { SET search_path = app; SET jit = off; }\n";
		$text .= "step s${n}_b$_ { BEGIN ISOLATION LEVEL $levels{$_}; }\n" for sort keys %levels;
		$text .= "step s${n}_$_ { SELECT * FROM (SELECT * FROM $reads{$_} OFFSET 0) x ORDER BY 1; }\n" for sort keys %reads;
		$text .= "step s${n}_$_ { $writes{$n}{$_}; }\n" for sort keys %{ $writes{$n} };
		$text .= "step s${n}_c { COMMIT; }\n";
	}
	for (1 .. $permutations)
	{
		my @left;
		for my $n (1 .. 3)
		{
			my @steps = map { rand() < 0.6 ? one_of(sort keys %reads) : one_of(sort keys %{ $writes{$n} }) } 1 .. 1 + rand(4);
			push @left, [ map { "s${n}_$_" } (rand() < 0.8 ? 'bs' : one_of('brr', 'brc')), @steps, 'c' ];
		}
		my @order;
		while (my @some = grep { @$_ } @left)
		{
			push @order, shift @{ one_of(@some) };
		}
		$text .= "permutation @order s1_docs s1_rows\n";
	}
	return $text;
}

my $text = random_spec($ENV{PERMUTATIONS} || 30);
my $through_tviews = run_spec('tviews', $text);
my $through_views = run_spec('plain', over_views($text));
my @through_tviews = split(/^starting permutation: /m, $through_tviews =~ s/\btv_/v_/gr);
my @through_views = split(/^starting permutation: /m, $through_views);
my ($differs) = grep { $through_tviews[$_] ne $through_views[$_] } 0 .. $#through_views;
$differs //= 0;
is($through_tviews[$differs], $through_views[$differs], "random permutations: TVIEWs give what views give, SEED=$seed");
is(scalar @through_tviews, scalar @through_views, 'as many permutations');
my $refused = () = $through_views =~ /^ERROR:  could not serialize/mg;
cmp_ok($refused, '>', 0, "some are refused: $refused");
unlike($through_views, qr/^ERROR:  (?!could not serialize|current transaction|duplicate key)/m, 'no other error');

# Sessions and permutations of a spec.
sub steps
{
	my ($text) = @_;
	return $text =~ /^(session s1\n.*)/ms ? $1 : '';
}

# What the specs read is served, except in SERIALIZABLE.
my $schema = slurp_file('test/specs/hermitage_g2_doc.spec');
my ($tables, $server) = $schema =~ /^setup\n\{\n(.*?)^\}\n\nsetup\n\{\n(.*?)^\}/ms;
$node->safe_psql('tviews', "$tables $server");
my $reads = "app.tv_doc WHERE pk_doc IN (1, 2)";
for my $level ('read committed', 'repeatable read', 'serializable')
{
	$node->safe_psql('tviews', "ALTER DATABASE tviews SET default_transaction_isolation = '$level'");
	my $figures = figures($node, 'tviews', "SELECT * FROM $reads");
	my $bypass = $level eq 'serializable' ? 'the transaction is serializable' : '';
	is($figures->{bypass}, $bypass, "$level: bypass");
	is($figures->{served}, $bypass ? 0 : 2, "$level: rows served");

	# relations that the read has locked for serializability
	my $locked = $node->safe_psql('tviews', qq{
		BEGIN; DO 'BEGIN PERFORM * FROM $reads; END';
		SELECT string_agg(DISTINCT relation::regclass::text, ' ' ORDER BY relation::regclass::text)
		FROM pg_locks WHERE mode = 'SIReadLock' AND pid = pg_backend_pid()
			AND relation::regclass::text LIKE 'app.tb%' AND relation::regclass::text NOT LIKE '%_pkey'
			AND relation::regclass::text NOT LIKE '%_idx';});
	is($locked, $bypass ? 'app.tb_box app.tb_item' : '', "$level: predicate locks on the base tables");
}
$node->stop;
done_testing();
