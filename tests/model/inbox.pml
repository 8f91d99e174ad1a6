/* inbox.pml - what frees from other threads, the end of threads and the change of a
 * span's owner do to one another: cache.c and central.c in Promela, for spin.
 *
 * One class, one span of BLOCKS blocks, CACHES caches, THREADS threads that begin, work
 * and end again and again, each step of theirs between any steps of the others.  The
 * program hands its blocks on from anyone to anyone.  tests/model.sh searches all of
 * it, and then with -DWRONG=1, 2, ... in which one step is done carelessly, so that it
 * is known to be found.
 *
 * What is asserted: a block is in one place at a time; none is handed out that is not
 * free; nobody touches a span's list but its owner or, without one, the holder of the
 * class's lock; when a cache leaves, nothing is left in its inbox; when every thread
 * has ended, every block is freed and no cache is kept warm, the span has gone back to
 * the heap.
 *
 * What is left out: chains (a block travels alone), checks of the marks, memory order
 * (each step is seen at once by all; ThreadSanitizer looks for the rest), pending (a
 * block on its way is in its thread's hands), other classes, the heap.
 *
 * Whoever changes one of the functions that are named here changes this too.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef BLOCKS
#define BLOCKS 2
#endif
#ifndef THREADS
#define THREADS 2
#endif
#ifndef CACHES
#define CACHES 2
#endif
#ifndef WRONG
#define WRONG 0
#endif

#define ALL ((1 << BLOCKS) - 1)
#define NONE 255                /* no owner; no block: the end of a list */
#define CLOSED 254              /* an inbox that takes nothing */

/* Where a block is, to be asserted: the code does not know.  */
#define LIST 0                  /* the span's list */
#define HELD 1                  /* the program's */
#define WAY 2                   /* a thread carries it */
#define KEPT 3                  /* a cache's list, by its room: + cache */
#define INBOX 5                 /* + cache */

byte where[BLOCKS];

/* struct mx_span  */
byte owner = NONE;
byte home = NONE;
bool listed;
byte list;                      /* a bit for each block */
bool given = true;              /* the heap has it */
bool mixed;                     /* MX_SPAN_MIXED; `list' is its granules then */
bool listing;                   /* somebody holds mixed.c's list lock */
byte editors;                   /* to be asserted: of the list, at this moment */

bool lock;                      /* struct central's */

/* struct mx_cache  */
byte inbox[CACHES] = NONE;
byte mark[BLOCKS];              /* links of an inbox */
bool taken[CACHES];             /* by a thread; else in the pool */

byte working = THREADS;
bool over;

inline acquire() { atomic { !lock -> lock = true } }
inline release() { lock = false }

/* mx_span_push_chain, mx_cache_take: two steps, so that two at once are seen.  */
inline put_in_list(b)
{
	d_step { assert(editors == 0); editors++ }
	d_step {
		assert((list & (1 << b)) == 0);
		list = list | (1 << b);
		where[b] = LIST;
		editors--
	}
}

inline take_from_list(b)
{
	d_step { assert(editors == 0); editors++ }
	d_step {
		b = 0;
		do
		:: (list & (1 << b)) != 0 -> break
		:: else -> b++
		od;
		assert(where[b] == LIST);
		list = list & ~(1 << b);
		where[b] = HELD;
		editors--
	}
}

/* mx_heap_give: nobody has a block of it.  */
inline give_to_heap()
{
	d_step {
		assert(!given && !mixed && list == ALL && !listed && editors == 0);
		given = true
	}
}

/* mx_central_push; ok: it had no owner.  */
inline central_push(b)
{
	acquire();
	if
	:: WRONG != 4 && owner != NONE -> release(); ok = false
	:: WRONG != 6 && owner == NONE && mixed -> release(); ok = false
	:: else ->
		ok = true;
		put_in_list(b);
		if
		:: list == ALL ->
			listed = false;
			release();
			give_to_heap()
		:: else -> listed = true; release()
		fi
	fi
}

/* mx_mixed_begin: the owner's, in this order, and under the lock of the lists.  */
inline mix()
{
	d_step {
		assert(owner == c && editors == 0 && !listing);
		listing = true;
		home = NONE;
		mixed = true
	}
	d_step {
		owner = NONE;
		listing = false
	}
}

/* What is done under the lock of a MIXED span's bits is one step: that nobody is about
 * the list by other ways is asserted.  mx_mixed_take: some go to the cache's list.  */
inline mixed_take(b)
{
	d_step {
		assert(editors == 0);
		b = 0;
		do
		:: b == BLOCKS || (list & (1 << b)) != 0 -> break
		:: else -> b++
		od;
		if
		:: b < BLOCKS ->
			list = list & ~(1 << b);
			where[b] = KEPT + c
		:: else
		fi
	}
}

/* mx_mixed_give and look_again  */
inline mixed_give(b)
{
	d_step {
		assert(mixed && editors == 0 && (list & (1 << b)) == 0);
		list = list | (1 << b);
		where[b] = LIST;
		ok = list == ALL
	}
	if
	:: ok ->
		atomic {
			WRONG == 8 || !listing ->
			ok = mixed && list == ALL;
			mixed = mixed && !ok
		}
		if
		:: ok -> give_to_heap()
		:: else
		fi
	:: else
	fi
}

/* push_inbox  */
inline push_inbox(b, to)
{
	old = inbox[to];
	do
	:: WRONG != 3 && old == CLOSED -> ok = false; break
	:: else ->
		mark[b] = old;
		atomic {
			if
			:: WRONG == 1 || inbox[to] == old ->
				inbox[to] = b;
				where[b] = INBOX + to;
				old = NONE;
				ok = true;
				break
			:: else -> old = inbox[to]
			fi
		}
	od
}

/* send_chain  */
inline send(b)
{
	do
	:: to = owner;
		if
		:: to == NONE ->
			if
			:: mixed -> mixed_give(b); break
			:: else ->
				central_push(b);
				if
				:: ok -> break
				:: else
				fi
			fi
		:: to == c -> push_own(b); break
		:: else ->
			push_inbox(b, to);
			if
			:: ok -> break
			:: else
			fi
		fi
	od;
	to = 0
}

/* push_own and mx_cache_event: the last block came back, and the span was neither the
 * current one nor the only partial one, or it was.  */
inline push_own(b)
{
	put_in_list(b);
	if
	:: list == ALL -> give_to_heap()
	:: true
	fi
}

/* receive, of the list that begins at item  */
inline receive()
{
	do
	:: item == NONE -> break
	:: else ->
		next = mark[item];
		assert(where[item] == INBOX + c);
		where[item] = WAY;
		send(item);
		item = next;
		next = 0
	od;
	item = 0
}

/* drain_inbox  */
inline drain(with)
{
#if WRONG == 2
	item = inbox[c];
	inbox[c] = with;
#else
	atomic { item = inbox[c]; inbox[c] = with }
#endif
	receive()
}

/* mx_central_adopt  */
inline adopt()
{
	acquire();
	ok = WRONG == 5 || (owner == NONE && (WRONG == 7 || !mixed));
	if
	:: ok -> listed = false; owner = c
	:: else
	fi;
	release()
}

/* mx_cache_put_remote and mx_free's hit path, of block b: whether it is MIXED they see
 * first, or not in time.  */
inline put(b)
{
	to = owner;
	if
	:: mixed -> mixed_give(b)
	:: true -> put_small(b)
	fi;
	to = 0
}

inline put_small(b)
{
	if
	:: to == NONE -> to = home
	:: else
	fi;
	if
	:: to == c ->
		if
		:: owner != c ->
			adopt();
			if
			:: ok -> push_own(b)
			:: else -> send(b)
			fi
		:: else -> push_own(b)
		fi
	:: else ->
		if
		:: d_step { true -> where[b] = KEPT + c }
		:: send(b)
		fi
	fi
}

/* mx_cache_refill, after the inbox  */
inline refill(b)
{
	if
	:: owner == c && !given && list != 0 -> take_from_list(b)
	:: owner == c && !given && list != ALL -> mix()
	:: atomic { mixed -> mixed_take(b) }
	:: owner == c && !given && list == 0 ->
		/* use_up and, some time later, mx_central_give_full: no lock.  */
		home = c;
		owner = NONE
	:: owner != c ->
		/* mx_central_take  */
		acquire();
		if
		:: listed -> listed = false; owner = c
		:: else
		fi;
		release()
	:: atomic {
			/* take_fresh  */
			given ->
			given = false;
			list = ALL;
			owner = c;
			home = NONE
		}
	fi;
	b = 0
}

#if BLOCKS > 2
#define HAS(place) (where[0] == place || where[1] == place || where[2] == place)
#else
#define HAS(place) (where[0] == place || where[1] == place)
#endif

/* Any block that is in PLACE, for this thread to carry, or NONE.  */
inline pick(b, place)
{
	atomic {
		b = 0;
		do
		:: b == BLOCKS -> b = NONE; break
		:: b < BLOCKS && where[b] == place -> where[b] = WAY; break
		:: b < BLOCKS -> b++
		od
	}
}

/* mx_central_give  */
inline central_give()
{
	acquire();
	home = NONE;
	if
	:: list == ALL -> release(); give_to_heap()
	:: else ->
		owner = NONE;
		listed = list != 0;
		release()
	fi
}

/* send_others, or the second half of flush_list  */
inline send_kept()
{
	do
	:: HAS(KEPT + c) -> pick(b, KEPT + c);
		if
		:: b != NONE -> send(b)
		:: else
		fi
	:: else -> break
	od
}

/* keep_warm: the cache goes to the pool with its span.  */
inline end_warm()
{
	drain(NONE);
	send_kept();
	b = 0;
	taken[c] = false
}

/* mx_cache_flush and let_go: the span is current, partial, or waits.  */
inline end_thread()
{
	if
	:: owner == c && !given -> central_give()
	:: true
	fi;
	send_kept();
	drain(NONE);
	if
	:: owner == c && !given -> central_give()
	:: else
	fi;
#if WRONG == 3
	drain(NONE);
#else
	drain(CLOSED);
#endif
	d_step {
		b = 0;
		do
		:: b < BLOCKS -> assert(where[b] != INBOX + c); b++
		:: else -> break
		od;
		b = 0
	}
	assert(owner != c || given);
	taken[c] = false
}

proctype thread()
{
	byte b, c, to, old, item, next;
	bool ok;

begin:	/* mx_cache_new  */
	if
	:: over -> goto leave
	:: atomic { !taken[0] -> taken[0] = true; c = 0 }
#if CACHES > 1
	:: atomic { !taken[1] -> taken[1] = true; c = 1 }
#endif
	fi;
	if
	:: inbox[c] == CLOSED -> inbox[c] = NONE
	:: else                 /* it is new, or was kept warm */
	fi;
work:	if
	:: pick(b, KEPT + c);
		if
		:: b != NONE -> where[b] = HELD
		:: else
		fi;
		b = 0
	:: true ->              /* an `else' in it must not mean all of these */
		drain(NONE);
		b = 0
	:: refill(b)
	:: pick(b, HELD);
		if
		:: b != NONE -> put(b)
		:: else
		fi;
		b = 0
	:: end_thread(); goto ended
	:: end_warm(); goto ended
	fi;
	goto work;
ended:	atomic { c = 0; working-- }
	if
	:: atomic { !over -> working++ } goto begin
	:: true
	fi;
leave:	skip
}

/* When all have ended, or said that they will not begin again: one more thread frees
 * what the program still has.  */
proctype last()
{
	byte b, c, to, old, item, next;
	bool ok;

	atomic { working == 0 -> over = true }
	atomic { taken[0] = true; c = 0 }
	if
	:: inbox[c] == CLOSED -> inbox[c] = NONE
	:: else
	fi;
	do
	:: HAS(HELD) -> pick(b, HELD);
		if
		:: b != NONE -> put(b)
		:: else
		fi
	:: else -> break
	od;
	end_thread();
	/* mx_cache_trim  */
	c = 1;
	do
	:: c < CACHES && inbox[c] != CLOSED -> end_thread(); c++
	:: c < CACHES && inbox[c] == CLOSED -> c++
	:: else -> break
	od;
	assert(given)
}

init
{
	byte i;

	atomic {
		i = 0;
		do
		:: i < THREADS -> run thread(); i++
		:: else -> break
		od;
		run last()
	}
}
