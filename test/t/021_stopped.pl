# Proves: a backend that is stopped (SIGSTOP) at any point of publishing, storing, settling or reading makes nobody fail, nobody read a wrong row, and nobody wait but for seconds; when it goes on, it does so unharmed.
#
# Needs the library with stop points.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use TviewFault;
use TviewTest;

my $node = new_cluster('main', 'autovacuum = off');
start_with_faults($node);
load_schema($node, 'postgres');
create_tviews($node, 'postgres', "mark_log_size '64kB', map_size '4MB'");
is_equal($node, 'postgres', 'at first');

# Nobody waits longer for a stopped one: the longest of the store's own limits,
# and what the statement itself takes.
my $patience = 12;
my $count = 0;

# A session that will stop at a point of a statement; it has used the store.
sub stopped_session
{
	my ($point, $passages, $sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe('SELECT count(*) FROM app.tv_post; UPDATE app.tb_user SET name = name WHERE pk_user = 20');
	signal_at('STOP', $pid, $point, $passages);
	$session->{stdin} .= "$sql;\n\\echo it is over\n";
	$session->{run}->pump_nb;
	my $stopped = wait_for(sub { $session->{run}->pump_nb; slurp_file("/proc/$pid/status") =~ /^State:\s+T/m }, 10);
	return ($session, $pid, $stopped);
}

# Lets it go on; returns what it had to say.
sub go_on
{
	my ($session, $pid) = @_;
	signal_at('STOP', 0, 'publishing');
	kill('CONT', $pid);
	my $over = wait_for(sub { $session->{run}->pump_nb; $session->{stdout} =~ /it is over/ }, 60);
	my $out = $session->{stdout} =~ s/it is over\n//r;
	my $err = $session->{stderr} =~ s/^background_psql.*\n//mgr;
	$session->{stdout} = $session->{stderr} = '';
	return $over ? ($out, $err) : ('', 'it does not go on');
}

# What others do meanwhile: write and read, in old sessions and new ones.
sub others_work
{
	my ($what, $old) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $slowest = 0;
	my $differences = '';
	my $errors = '';
	$count++;
	for my $round (1 .. 2)
	{
		my $start = time();
		my (undef, $failed) = $old->query("UPDATE app.tb_user SET name = 'n$count $round' WHERE pk_user BETWEEN 5 AND 9");
		$errors .= 'an old session cannot write; ' if $failed;
		my $written = time();
		$differences .= check_in($old, 'post', 'user');
		my $read = time();
		my ($status, $out, $err) = $node->psql('postgres', churn(10, 1, 15, 60));
		$errors .= "$err; " if $status;
		my $churned = time();
		($status, $out, $err) = $node->psql('postgres', check_sql('comment', 'feed'));
		$errors .= "$err; " if $status;
		$differences .= $out;
		for my $time ($written - $start, $read - $written, $churned - $read, time() - $churned)
		{
			$slowest = $time if $time > $slowest;
		}
	}
	is($errors, '', "$what: others do not fail");
	is(substr($differences, 0, 1000), '', "$what: others read what the view has");
	cmp_ok($slowest, '<', $patience, sprintf('%s: others wait for %.1f s at the most', $what, $slowest));
	return;
}

# churn leaves users above 15 to the stopped writers
my $write = "UPDATE app.tb_user SET name = name || ' stopped' WHERE pk_user IN (17, 18)";
my $fill = "SELECT count(*) FROM app.tv_post, app.tv_comment WHERE false OR tv_post.data IS NOT NULL AND tv_comment.pk_comment = tv_post.pk_post";
# a writer settles when the log is half full; churn leaves posts above 60 to it
my $settle = join(';', ("UPDATE app.tb_comment SET body = body || '.' WHERE fk_post > 60") x 30);
my $compare = check_sql('post') =~ s/\s+/ /gr;

for my $case (
	[ 'publishing', 1, $write ],
	[ 'published', 1, $write ],
	[ 'storing', 1, $fill ],
	[ 'pages', 1, $fill ],
	[ 'meta', 1, $fill ],
	[ 'announcing', 1, $fill ],
	[ 'stored', 1, $fill ],
	[ 'settling', 1, $settle ],
	[ 'scanning', 10, $compare ],
	[ 'reading', 5, $compare ])
{
	my ($point, $passages, $sql) = @$case;
	my $old = $node->background_psql('postgres', on_error_stop => 0);
	is(check_in($old, 'post'), '', "$point: before");
	# something to store and to settle
	$node->safe_psql('postgres', "SELECT tview.reset('app.tv_post')") if $sql eq $fill;
	$node->safe_psql('postgres', "UPDATE app.tb_user SET name = 'before $point' WHERE pk_user < 5");
	my ($session, $pid, $stopped) = stopped_session($point, $passages, $sql);
	ok($stopped, "$point: a backend is stopped") or diag($session->{stdout}, $session->{stderr});
	others_work($point, $old);
	my ($out, $err) = go_on($session, $pid);
	is($err, '', "$point: it goes on");
	is($out, '', "$point: it has seen no difference") if $sql eq $compare;
	is(check_in($session, 'post', 'user'), '', "$point: it reads what the view has");
	is(check_in($old, 'post', 'user'), '', "$point: so does another one");
	is_equal($node, 'postgres', "$point: so does a new one");
	$_->quit for $session, $old;
	$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_' || x) FROM unnest('{user,post,comment}'::text[]) x");
	is_warm($node, 'postgres', "$point: afterwards", user => 20, post => 20, comment => 50);
	is(store_field($node, 'postgres', 'state'), 'ok', "$point: tview.store is content");
}

# One that has published and not committed, for so long that the log turns over
# and the map fills: its changes are seen once it has committed.
my $old = $node->background_psql('postgres', on_error_stop => 0);
my ($session, $pid, $stopped) = stopped_session('published', 1, "UPDATE app.tb_user SET name = 'late' WHERE pk_user IN (17, 18)");
ok($stopped, 'a long stop');
# and one that pins pages and marks
my ($reader, $reader_pid, $reader_stopped) = stopped_session('scanning', 10, $compare);
ok($reader_stopped, 'a long stop of a reader');
for my $round (1 .. 8)
{
	$node->safe_psql('postgres', "UPDATE app.tb_comment SET body = 'round $round ' || pk_comment; UPDATE app.tb_post SET title = 'round $round ' || pk_post");
	$node->safe_psql('postgres', "SELECT count(*) FROM app.tv_$_") for qw(post comment);
	is(check_in($old, 'post', 'comment'), '', "a long stop, round $round") if $round % 3 == 0;
}
is_equal($node, 'postgres', 'a long stop, before it ends');
my $state = store_field($node, 'postgres', "coalesce(reset_reason, '') || ' / ' || marks_pending || ' / ' || map_used");
note("reset reason / marks pending / map used: $state");
my ($out, $err) = go_on($reader, $reader_pid);
is("$out$err", '', 'the reader has seen no difference');
($out, $err) = go_on($session, $pid);
is($err, '', 'the writer has committed');
is($node->safe_psql('postgres', "SELECT count(*) FROM app.tv_user WHERE data->>'name' = 'late'"), '2', 'its changes are there');
is_equal($node, 'postgres', 'a long stop, after its end');
is(check_in($old), '', 'a long stop, after its end: an old session');
$_->quit for $old, $session, $reader;

# One that pins pages until the map is full of what is too young for it.
$node->safe_psql('postgres', "ALTER SERVER tviews OPTIONS (SET mark_log_size '16MB', SET map_size '1MB')");
$node->safe_psql('postgres', "SELECT tview.refresh('app.tv_' || x) FROM unnest('{user,post,comment}'::text[]) x");
is_warm($node, 'postgres', 'a small map', user => 20, post => 20, comment => 50);
my $epoch = store_field($node, 'postgres', 'epoch');
($reader, $reader_pid, $reader_stopped) = stopped_session('scanning', 10, $compare);
ok($reader_stopped, 'a reader pins pages');
my $rounds = 0;
while ($rounds++ < 200 && store_field($node, 'postgres', 'epoch') eq $epoch)
{
	my ($status, $said, $error) = $node->psql('postgres', "SELECT count(tview.refresh('app.tv_' || x)) FROM unnest('{user,post,comment}'::text[]) x");
	is($status, 0, "pinned pages: a refresh fails") if $status;
}
isnt(store_field($node, 'postgres', 'epoch'), $epoch, "pinned pages: the map is full after $rounds rounds, and begins anew");
like(store_field($node, 'postgres', 'reset_reason'), qr/full/, 'pinned pages: tview.store says why');
is_equal($node, 'postgres', 'pinned pages: a full map');
$node->safe_psql('postgres', churn(20, 1));
is_equal($node, 'postgres', 'pinned pages: after writes');
($out, $err) = go_on($reader, $reader_pid);
is("$out$err", '', 'pinned pages: the reader has seen no difference');
is(check_in($reader), '', 'pinned pages: nor does it now');
$reader->quit;
is_equal($node, 'postgres', 'pinned pages: at the end');
is($node->safe_psql('postgres', "SELECT v.* FROM unnest('{user,post,comment,rank,feed}'::text[]) x,
	tview.verify(('app.tv_' || x)::regclass) v"), '', 'the store verifies');
$node->stop;

done_testing();
