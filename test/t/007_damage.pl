# Proves: store files that were truncated, overwritten or deleted, under a stopped or a running server, lead to no wrong row and no failed statement, and the store recovers by itself and says why.

use strict;
use warnings FATAL => 'all';

use File::Path qw(remove_tree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TviewTest;

# A file that is truncated while it is mapped is a SIGBUS for who touches the
# missing part: that backend crashes, as with any truncated mapping, and the
# server restarts.  Nothing else here may crash.
my $node = new_cluster('main', 'restart_after_crash = on');
$node->start;
load_schema($node, 'postgres');
create_tviews($node, 'postgres');
is_equal($node, 'postgres', 'at first');
my $directory = store_directory($node, 'postgres');

sub truncate_file
{
	my ($path, $size) = @_;
	truncate($path, $size) or die "could not truncate $path: $!";
	return;
}

# Changes bytes in place; where is a share of the file.
sub overwrite
{
	my ($path, $where, $bytes) = @_;
	open(my $file, '+<:raw', $path) or die "could not open $path: $!";
	seek($file, int($where * (-s $path)), 0);
	print $file $bytes;
	close($file) or die "could not write $path: $!";
	return;
}

sub files { return epoch_files($directory) }

sub garbage { return pack('L*', map { int(rand(2**32)) } 1 .. $_[0] / 4) }

my %damage = (
	'data.mdb is shorter' => sub { my %f = files(); truncate_file($f{'data.mdb'}, 8192) },
	'data.mdb is empty' => sub { my %f = files(); truncate_file($f{'data.mdb'}, 0) },
	'data.mdb is deleted' => sub { my %f = files(); unlink $f{'data.mdb'} },
	'data.mdb has another version' => sub { my %f = files(); overwrite($f{'data.mdb'}, 0, garbage(64)); overwrite($f{'data.mdb'}, 4096 / -s $f{'data.mdb'}, garbage(64)) },
	'lock.mdb is empty' => sub { my %f = files(); truncate_file($f{'lock.mdb'}, 0) },
	'lock.mdb is deleted' => sub { my %f = files(); unlink $f{'lock.mdb'} },
	'marks is shorter' => sub { my %f = files(); truncate_file($f{marks}, 4096) },
	'marks is empty' => sub { my %f = files(); truncate_file($f{marks}, 0) },
	'marks is deleted' => sub { my %f = files(); unlink $f{marks} },
	'marks begins with garbage' => sub { my %f = files(); overwrite($f{marks}, 0, garbage(512)) },
	'control is shorter' => sub { truncate_file("$directory/control", 100) },
	'control is empty' => sub { truncate_file("$directory/control", 0) },
	'control is deleted' => sub { unlink "$directory/control" },
	'control begins with garbage' => sub { overwrite("$directory/control", 0, garbage(256)) },
	'the epoch is deleted' => sub { remove_tree(glob("$directory/e*")) },
	'the directory is deleted' => sub { remove_tree($directory) },
	'the directory is a file' => sub { remove_tree($directory); append_to_file($directory, 'x') });

# What must hold afterwards, without anybody's help.
sub recovers
{
	my ($what, $crash) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $out, $err) = $node->psql('postgres', churn(10, 1));
	($status, $out, $err) = retry(churn(10, 1)) if $status && $crash;
	is($err, '', "$what: writes do not fail");
	($status, $out, $err) = $crash ? retry(check_sql()) : $node->psql('postgres', check_sql());
	is($err, '', "$what: reads do not fail");
	is(substr($out, 0, 1000), '', "$what: reads are right");
	is_equal($node, 'postgres', "$what: afterwards");
	$node->safe_psql('postgres', "SELECT count(*) FROM app.tv_$_") for qw(user post comment);
	is_warm($node, 'postgres', "$what: afterwards", user => 15, post => 40, comment => 100);
	return;
}

# Where a backend may crash: the statement again, once the server is back.
sub retry
{
	my ($sql) = @_;
	my @result;
	for (1 .. 5)
	{
		@result = $node->psql('postgres', $sql);
		last if $result[0] == 0;
		wait_for(sub { answers($node) }, 30);
	}
	return @result;
}

my $blocked = 'the directory is a file';

# ---- while the server is down ----

for my $what (sort grep { $_ ne $blocked } keys %damage)
{
	$node->stop;
	$damage{$what}->();
	$node->start;
	recovers("stopped, $what");
}

# ---- while it runs, with sessions that have everything mapped ----

my $truncates = qr/shorter|empty/;
for my $what (sort grep { $_ ne $blocked && $_ !~ $truncates && !/garbage|version/ } keys %damage)
{
	my $reader = $node->background_psql('postgres', on_error_stop => 0);
	my $writer = $node->background_psql('postgres', on_error_stop => 0);
	$reader->query_safe("SELECT count(*) FROM app.tv_post");
	$writer->query_safe("UPDATE app.tb_user SET name = 'before' WHERE pk_user = 1");
	$damage{$what}->();
	# the old sessions first: one reads before the other has noticed anything
	is(check_in($reader), '', "running, $what: an old session reads");
	my (undef, $failed) = $writer->query("UPDATE app.tb_user SET name = 'after $what' WHERE pk_user <= 2");
	is($failed, 0, "running, $what: an old session writes");
	is(check_in($reader, 'user', 'post'), '', "running, $what: an old session reads it");
	recovers("running, $what");
	is(check_in($writer, 'user', 'post'), '', "running, $what: the writer reads");
	$_->quit for $reader, $writer;
}

# Truncation crashes whoever touches what is gone; the crash must be the last.
for my $what (sort grep { $_ =~ $truncates } keys %damage)
{
	my $reader = $node->background_psql('postgres', on_error_stop => 0);
	$reader->query_safe("SELECT count(*) FROM app.tv_post");
	$damage{$what}->();
	recovers("running, $what", 1);
	eval { $reader->quit };
}

# A session that has the store open leaves it when its files are taken away.
my $long = $node->background_psql('postgres');
is(check_in($long), '', 'a long session');
remove_tree($directory);
$node->safe_psql('postgres', "SELECT count(*) FROM app.tv_user; UPDATE app.tb_user SET name = 'elsewhere' WHERE pk_user = 4");
is(check_in($long), '', 'a long session, when its store was removed and others have another one');
$long->quit;

# No store can be had at all: reads and writes go on, and tview.store says why.
remove_tree($directory);
append_to_file($directory, 'x');
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'no store' WHERE pk_user = 4");
is_equal($node, 'postgres', $blocked);
isnt(store_field($node, 'postgres', 'state'), 'ok', "$blocked: tview.store says so");
like(figures($node, 'postgres', 'SELECT * FROM app.tv_post')->{bypass}, qr/./, "$blocked: EXPLAIN has a reason");
unlink $directory;
$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'a store again' WHERE pk_user = 4");
recovers('the file is gone');
is(store_field($node, 'postgres', 'state'), 'ok', 'tview.store is content again');

# A reader amid a transaction, which has its locks and its plan: only what a
# writer has said before its commit can tell it that its files have gone.
for my $writer ('that has the files open', 'that is new', 'that cannot open them')
{
	my $reader = $node->background_psql('postgres', on_error_stop => 0);
	my $other = $node->background_psql('postgres', on_error_stop => 0);
	$other->query("UPDATE app.tb_user SET name = 'before' WHERE pk_user = 4");
	$reader->query_safe('SET plan_cache_mode = force_generic_plan; PREPARE difference AS'
		. ' (TABLE app.tv_user EXCEPT ALL TABLE app.v_user) UNION ALL (TABLE app.v_user EXCEPT ALL TABLE app.tv_user); BEGIN');
	is($reader->query('EXECUTE difference'), '', "a reader before, a writer $writer");
	if ($writer eq 'that cannot open them')
	{
		chmod 0, "$directory/control";
	}
	else
	{
		unlink "$directory/control";
	}
	is($reader->query('EXECUTE difference'), '', "a reader without a control file, a writer $writer");
	if ($writer ne 'that has the files open')
	{
		$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'after' WHERE pk_user = 4");
	}
	else
	{
		$other->query("UPDATE app.tb_user SET name = 'after' WHERE pk_user = 4");
	}
	is($reader->query('EXECUTE difference'), '', "the same reader afterwards, a writer $writer");
	$_->quit for $reader, $other;
}

# A writer that has its files open: only what the first reader of other files
# has said, before it gave these a floor, can tell it that its own have gone.
# Amid its statement, when it waits in the trigger, it has no xid yet and takes
# nothing in any more for its locks.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION app.wait() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END';
CREATE TRIGGER wait BEFORE INSERT ON app.tb_user FOR EACH ROW EXECUTE FUNCTION app.wait();
EOF
for my $when ('before its statement', 'amid its statement')
{
	my $writer = $node->background_psql('postgres', on_error_stop => 0);
	my $other = $node->background_psql('postgres', on_error_stop => 0);
	my $pk = $when eq 'amid its statement' ? 901 : 902;
	my $insert = "INSERT INTO app.tb_user (pk_user, name) VALUES ($pk, 'new')";
	# it takes its own announcement in at the second, and looks at the third
	$writer->query_safe("$insert; DELETE FROM app.tb_user WHERE pk_user = $pk") for 1 .. 3;
	if ($when eq 'amid its statement')
	{
		$other->query_safe('SELECT pg_advisory_lock(7)');
		$writer->query_until(qr/begun/, "\\echo begun\n$insert;\n");
		ok(wait_for(sub { $node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") }, 30), 'it waits');
	}
	unlink "$directory/control";
	ok(wait_for(sub { $node->safe_psql('postgres', 'SELECT count(*) FROM app.tv_user');
			figures($node, 'postgres', 'SELECT * FROM app.tv_user')->{bypass} eq '' }, 30),
		"others have other files, $when");
	$other->query_safe('SELECT pg_advisory_unlock_all()');
	$writer->query_safe($when eq 'amid its statement' ? 'SELECT 1' : $insert);
	is_equal($node, 'postgres', "a writer whose files went $when");
	$_->quit for $writer, $other;
}

$node->stop;

done_testing();
