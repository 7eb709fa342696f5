# Proves: kill -9 of backends that write, read or settle, again and again, leaves TVIEWs equal to their views, also for those who read meanwhile, and fails no statement of others but by the server's restart.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use TviewTest;

my $rounds = 6;
my $node = new_cluster(
	'main', 'restart_after_crash = on',
	'autovacuum = off', 'wal_writer_delay = 2s');
$node->start;
load_schema($node, 'postgres');
# little room for marks: there is always something to settle
create_tviews($node, 'postgres', "mark_log_size '64kB'");
is_equal($node, 'postgres', 'at first');

my $async = "SET synchronous_commit = off;";
my @sessions = (
	start_session($node, 'postgres', 'writer1', churn(40, 1)),
	start_session($node, 'postgres', 'writer2', $async . churn(40, 1)),
	start_session($node, 'postgres', 'writer3', $async . churn(5)),
	start_session($node, 'postgres', 'reader1', check_sql('post', 'user') . ';'),
	start_session($node, 'postgres', 'reader2', sub {
		my @names = qw(user post comment feed rank);
		return check_sql($names[ $_[0] % 5 ]) . ';';
	}),
	start_session($node, 'postgres', 'settler', sub {
		return "SET client_min_messages = error; SELECT count(*) FROM app.tv_post; UPDATE app.tb_user SET name = reverse(name) WHERE pk_user % 3 = $_[0] % 3;"
		  . ($_[0] % 7 ? '' : "SELECT tview.refresh('app.tv_post') IS NULL;");
	}));

# A backend that is busy, of whatever kind; 0 when there is none right now.
sub victim
{
	my ($status, $out) = eval { $node->psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'
		 AND state = 'active' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1") };
	return defined $out && $out =~ /^(\d+)$/ ? $1 : 0;
}

for my $round (1 .. $rounds)
{
	sleep 0.7;
	# a session may end by itself between the choice and the signal
	ok(wait_for(sub { my $pid = victim(); $pid && kill('KILL', $pid) }, 60),
		"round $round: a backend is killed");
	ok(wait_for(sub { answers($node) }, 60),
		"round $round: the server is back");
	# while the others go on
	my $out;
	ok(wait_for(sub {
		(my $status, $out) = eval { $node->psql('postgres', check_sql('post', 'comment')) };
		defined $status && $status == 0;
	}, 60), "round $round: a comparison came to its end");
	is($out, '', "round $round: TVIEWs equal their views while others write");
}

for my $session (@sessions)
{
	my ($out, $error, $finished) = stop_session($session);
	$out =~ s/^(\d+|f)\n//mg if $session->{name} eq 'settler';
	is(substr($out, 0, 1000), '', "$session->{name} saw no difference");
	is(substr($error, 0, 1000), '', "$session->{name} saw no error");
	cmp_ok($finished, '>', 2, "$session->{name} did something ($finished rounds)");
}
is_equal($node, 'postgres', 'at the end');
is_equal($node, 'postgres', 'once more');
is($node->safe_psql('postgres', "SELECT v.* FROM unnest('{user,post,comment,rank,feed}'::text[]) x,
	tview.verify(('app.tv_' || x)::regclass) v"), '', 'the store verifies');
$node->restart;
is_equal($node, 'postgres', 'after a restart');
$node->stop;

done_testing();
