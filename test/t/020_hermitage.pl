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
