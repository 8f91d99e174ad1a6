# objects.pl - work for a Perl interpreter: hashes, arrays, strings, records.
# Its argument is the number of rounds.
#
# SPDX-License-Identifier: MIT
use strict;
use warnings;

my $state = 1;

sub number
{
	my ($below) = @_;
	$state = ($state * 1103515245 + 12345) & 0x7fffffff;
	return ($state >> 8) % $below;
}

sub round_of
{
	my (%count, @record);

	for my $i (1 .. 12000) {
		my $word = join '', map { chr(97 + number(26)) }
		    1 .. 1 + number(4);
		$count{$word}++;
		push @record, { id => $i, word => $word,
		    list => [ map { number(1000) } 1 .. number(8) ] };
	}
	my $text = '';
	for my $r (sort { $a->{word} cmp $b->{word} || $a->{id} <=> $b->{id} }
	    @record) {
		$text .= "$r->{word}:" . join(',', @{ $r->{list} }) . ";";
	}
	my %by_length;
	push @{ $by_length{ length $_ } }, $_ for split /[:;,]/, $text;
	return length($text) + keys(%count) + keys(%by_length);
}

my $sum = 0;
$sum += round_of() for 1 .. $ARGV[0];
print "$sum\n";
