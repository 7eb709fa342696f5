# A client that speaks the protocol itself: it sends each message of the
# extended protocol when a test wants it, which psql cannot.
package TviewWire;

use strict;
use warnings FATAL => 'all';

use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;

# A session of the superuser in that database.
sub connect
{
	my ($class, $node, $db) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or die "could not connect to $path: $!";
	my $self = bless { socket => $socket }, $class;
	my $user = $node->safe_psql($db, 'SELECT current_user');
	my $startup = pack('N Z* Z* Z* Z* x', 196608, 'user', $user, 'database', $db);
	$self->_write(pack('N', length($startup) + 4) . $startup);
	$self->_read_until('Z');
	return $self;
}

sub _write
{
	my ($self, $bytes) = @_;
	my $socket = $self->{socket};
	print $socket $bytes;
	$socket->flush;
	return;
}

sub _send
{
	my ($self, $type, $body) = @_;
	$self->_write($type . pack('N', length($body) + 4) . $body);
	return;
}

sub _read
{
	my ($self, $length) = @_;
	my $bytes = '';
	local $SIG{ALRM} = sub { die 'the server does not answer' };
	alarm($PostgreSQL::Test::Utils::timeout_default);
	while (length($bytes) < $length)
	{
		sysread($self->{socket}, $bytes, $length - length($bytes), length($bytes)) or die 'the connection is lost';
	}
	alarm(0);
	return $bytes;
}

# Reads messages up to one of these types; returns what they say, a line each.
sub _read_until
{
	my ($self, $types) = @_;
	my @lines;
	while (1)
	{
		my ($type, $length) = unpack('a N', $self->_read(5));
		my $body = $self->_read($length - 4);
		if ($type eq 'D')
		{
			my $n = unpack('n', substr($body, 0, 2, ''));
			my @values;
			for (1 .. $n)
			{
				my $size = unpack('l>', substr($body, 0, 4, ''));
				push @values, $size < 0 ? 'null' : substr($body, 0, $size, '');
			}
			push @lines, join('|', @values);
		}
		elsif ($type eq 'E')
		{
			push @lines, "ERROR $1" if $body =~ /\0M([^\0]*)/;
			# the rest is skipped up to the next sync
			return join("\n", @lines) if $types !~ /Z/;
		}
		return join("\n", @lines) if index($types, $type) >= 0;
	}
	return;
}

# A message of the simple protocol: one statement or several; their rows.
sub query
{
	my ($self, $sql) = @_;
	$self->begin_query($sql);
	return $self->end_query;
}

# Does not wait for the answer.
sub begin_query
{
	my ($self, $sql) = @_;
	$self->_send('Q', "$sql\0");
	return;
}

sub end_query
{
	my ($self) = @_;
	return $self->_read_until('Z');
}

sub parse
{
	my ($self, $name, $sql) = @_;
	$self->_send('P', pack('Z* Z* n', $name, $sql, 0));
	return $self->_wait('1');
}

sub bind
{
	my ($self, $portal, $name, @values) = @_;
	my $values = join('', map { pack('N/a*', $_) } @values);
	$self->_send('B', pack('Z* Z* n n', $portal, $name, 0, scalar(@values)) . $values . pack('n', 0));
	return $self->_wait('2');
}

# The rows of a portal, as many as wanted or with 0 all.
sub execute
{
	my ($self, $portal, $rows) = @_;
	$self->_send('E', pack('Z* N', $portal, $rows || 0));
	return $self->_wait('Cs');
}

# Executes a statement, between others.
sub run
{
	my ($self, $sql) = @_;
	return join("\n", grep { length } $self->parse('', $sql), $self->bind('run', ''), $self->execute('run'), $self->close_portal('run'));
}

sub close_portal
{
	my ($self, $portal) = @_;
	$self->_send('C', pack('a Z*', 'P', $portal));
	return $self->_wait('3');
}

# Ends the transaction of what was sent since the last sync.
sub sync
{
	my ($self) = @_;
	$self->_send('S', '');
	return $self->_read_until('Z');
}

sub _wait
{
	my ($self, $types) = @_;
	$self->_send('H', '');
	return $self->_read_until($types);
}

sub disconnect
{
	my ($self) = @_;
	$self->_send('X', '');
	$self->{socket}->close;
	return;
}

1;
