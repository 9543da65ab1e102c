/* The hold protocol on one staff-day of one lane: who may do what, in any order, with a crash between any two steps.
 *
 * docs/explanation/hold-protocol.md says why it should hold, README.md beside this file what is left out. One `atomic` is
 * one script that Redis runs, or one statement of Postgres. Minutes are bits: claims, holds and the bitmap are masks.
 *
 * Who takes part: two visitors, each with a hold and a process that confirms it; two readers, who fill the cache again
 * and again; the invalidator; the passing of time; and, where check.py defines them,
 *   CANCEL    somebody who cancels an appointment
 *   TWICE     another process that confirms the first hold as well; with ALONE, there is no second visitor; with REPEAT,
 *             the other process repeats a direct booking, and places the hold anew if it is gone
 *   OUTSIDE   somebody who writes past the engine: one claim, added or deleted
 *   AWAY      Redis may not answer when a direct booking begins
 *   FLUSH     Redis loses everything, as often as it likes
 *   EVICT     Redis loses single keys: the version, the bitmap, a mark, the record of a hold that is over
 *   MINUTES   2, and a visit may take the first, the second or both; else 1
 * The guards that can be taken out are the names that begin with NO_; README.md says what each stands for.
 */

#ifndef MINUTES
#define MINUTES 1
#endif
#define ALL ((1 << MINUTES) - 1)
#define HOLDS 2
#define READERS 2
#ifdef TWICE
#define CONFIRMATIONS 3
#else
#define CONFIRMATIONS 2
#endif
#define NOBODY 255

/* Whoever owns a claim has made it in one commit, known by the same number. */
#define PAST_THE_ENGINE 2
#define OWNERS 3
#define CANCELLATION 3
#define BIT(commit) (1 << (commit))

mtype = { none, held, pinned, confirmed };
mtype = { nothing, in_force, outdated, absent };

/* ---- Postgres ---- */
byte claim[OWNERS];             /* committed claims; 0: none */
byte writing[HOLDS] = NOBODY;   /* the confirmation whose open transaction has inserted the claim of this hold */
bool appointment[HOLDS];        /* the hold became an appointment; it stays when that is cancelled */
byte rows;                      /* invalidation rows, a bit for each commit */

/* ---- Redis ---- */
bool cached;                    /* is there a bitmap? */
byte clear;                     /* the bitmap: minutes without a claim */
bool versioned;                 /* is there a version, "<dropped>.<changed>"? */
byte marks;                     /* commits that were settled, a bit for each */
mtype record[HOLDS] = none;     /* the state in hold:<hold> */
bool live[HOLDS];               /* its entry in held:<resource>:<day>, not expired */

/* ---- Processes ---- */
mtype seen[CONFIRMATIONS] = nothing; /* `dropped` as told with the pin: is it in force or outdated? */
byte minutes[HOLDS];            /* what each hold is for; 0: not placed yet */
bool at_work[CONFIRMATIONS];    /* has pinned, and is neither done nor dead */
bool late[CONFIRMATIONS];       /* its time to commit is over */
mtype read[READERS] = nothing;  /* `changed` as a reader has read it */
bool has_snapshot[READERS];
byte snapshot[READERS];         /* what Postgres had taken */
bool cancelling, invalidating;  /* between two steps */

/* ---- Only for the properties ---- */
bool excused;                   /* Redis lost everything or was away, or somebody wrote past the engine */
bool lapsed[HOLDS];             /* the hold ended after its commit, before Redis was told of it */
bool on_stale[HOLDS];           /* the hold was placed over the claim of one that lapsed */
bool booked[HOLDS];             /* committed, and not cancelled */

/* ---------------------------------------------------------------- Properties */

#define OTHER(h) (1 - (h))
#define OVERLAPPING ((claim[0] & claim[1]) | (claim[0] & claim[2]) | (claim[1] & claim[2]))
#define TAKEN (claim[0] | claim[1] | claim[2])
#define LOST ((booked[0] && claim[0] != minutes[0]) || (booked[1] && claim[1] != minutes[1]))
#define SOMEBODY_WRITES (at_work[0] || at_work[1] || at_work[CONFIRMATIONS - 1] || cancelling)
#ifdef STRICT
#define DRAINED (rows == 0)
#else
#define DRAINED (rows == 0 && !SOMEBODY_WRITES && !invalidating)
#endif

/* Asked after every step that could make one of them untrue. Property 2 is asked where holds are placed and refused. */
inline check() {
    d_step {
        assert(!OVERLAPPING);                                   /* 1: no two claims of the lane */
        assert(!DRAINED || !cached || clear == (ALL & ~TAKEN)); /* 3: no bitmap differs from Postgres */
        assert(!LOST)                                           /* 4: no committed booking is lost */
    }
}

inline excuse() {
    excused = true; lapsed[0] = false; lapsed[1] = false; on_stale[0] = false; on_stale[1] = false
}

/* ---------------------------------------------------------------- Versions: lua/shared/days.lua */

#ifdef NO_VERSION_CHECK
#define TAKEN_THOUGH_OUTDATED true
#else
#define TAKEN_THOUGH_OUTDATED false
#endif

inline begin_anew(r) { read[r] = nothing; has_snapshot[r] = false; snapshot[r] = 0 }

/* An instant of Redis' clock is never seen twice. So one that somebody remembers is the one in force, or never will be
 * again, and that is all the model keeps of it. A reader whose version is not in force any more will be refused: it may
 * as well be one that has not begun. */
inline outdate_read(r) {
    if :: read[r] == in_force && !TAKEN_THOUGH_OUTDATED -> begin_anew(r) :: else -> skip fi
}

inline outdate_seen(p) {
    if :: seen[p] == in_force -> seen[p] = outdated :: else -> skip fi
}

#ifdef TWICE
#define OUTDATE_SEEN outdate_seen(0); outdate_seen(1); outdate_seen(2)
#else
#define OUTDATE_SEEN outdate_seen(0); outdate_seen(1)
#endif

/* `changed` is a new instant. Where there is no version, nobody has read one. */
inline bump_taken() {
#ifndef NO_BUMP_ON_TAKING
    outdate_read(0); outdate_read(1);
#endif
    skip
}

/* `changed` and `dropped` are. */
inline bump_dropped() {
    outdate_read(0); outdate_read(1); OUTDATE_SEEN;
    versioned = true
}

inline lose_version() { bump_dropped(); versioned = false }

inline make_version() {
    if :: !versioned -> bump_dropped() :: else -> skip fi
}

/* drop_day: where there is no version, nobody has read one. */
inline drop_bitmap() {
    cached = false; clear = 0;
    if :: versioned -> bump_dropped() :: else -> skip fi
}

/* A mark is looked for as long as its row is there; after that the model need not keep it. */
inline mark(commit) { marks = marks | (BIT(commit) & rows) }

/* ---------------------------------------------------------------- Holds: lua/shared/holds.lua, lua/hold_place.lua */

/* Whose is what a pin has seen: the attempt's; or the hold's, of whose pins the first counts. */
#ifdef NO_OWN_SEEN
#define SEEN(p, h) seen[h]
#else
#define SEEN(p, h) seen[p]
#endif

/* An attempt pins once. */
inline pin(p, h) {
    record[h] = pinned; at_work[p] = true;
    if :: SEEN(p, h) == nothing -> make_version(); SEEN(p, h) = in_force :: else -> skip fi
}

inline forget_hold(h) {
    record[h] = none; live[h] = false;
#ifdef NO_OWN_SEEN
    seen[h] = nothing
#endif
}

/* Visitors are alike, if nobody confirms twice: the first to come is called the first, which halves the states. */
#ifdef TWICE
#define IN_TURN(h) true
#else
#define IN_TURN(h) ((h) == 0 || minutes[0] != 0)
#endif

/* One visitor asks once. */
#define IS_FREE(h, mask) (cached && (clear & (mask)) == (mask) && !(live[OTHER(h)] && (minutes[OTHER(h)] & (mask))))
#define CAN_PLACE(h, mask) (minutes[h] == 0 && IN_TURN(h) && IS_FREE(h, mask))

inline place(h, mask) {
    minutes[h] = mask; record[h] = held; live[h] = true;
    printf("hold %d is placed\n", h);
    if
    :: (claim[OTHER(h)] & mask) ->
        assert(excused || lapsed[OTHER(h)]);    /* 2, second half: no hold over a claim, but of one that lapsed */
        on_stale[h] = !excused
    :: else -> skip
    fi
}

proctype Visitor(byte h) {
end:
    if
    :: atomic { CAN_PLACE(h, 1) -> place(h, 1) }
#if MINUTES > 1
    :: atomic { CAN_PLACE(h, 2) -> place(h, 2) }
    :: atomic { CAN_PLACE(h, 3) -> place(h, 3) }
#endif
    fi
}

/* ---------------------------------------------------------------- Confirmation: BookingService.confirm and book */

inline end_work(p) {
    at_work[p] = false; late[p] = false;
#ifndef NO_OWN_SEEN
    seen[p] = nothing
#endif
}

/* The process dies, or gives up because a store did not answer. Postgres rolls an open transaction back. */
inline die(p, h) {
    printf("confirmation %d dies\n", p);
    if :: writing[h] == p -> writing[h] = NOBODY :: else -> skip fi;
    end_work(p); check()
}

#ifdef NO_FENCE
#define TOO_LATE(p) false
#else
#define TOO_LATE(p) (late[p])
#endif

/* The exclusion constraint: an insert waits for open transactions, and then succeeds, or does nothing. */
#define WRITES(h, mask) (writing[h] != NOBODY && (minutes[h] & (mask)))
#define WRITING_OVER(mask) (WRITES(0, mask) || WRITES(1, mask))
#ifdef NO_CONSTRAINT
#define CAN_INSERT(h) true
#define IS_REFUSED(h) false
#else
#define IN_THE_WAY(h) ((claim[OTHER(h)] | claim[PAST_THE_ENGINE]) & minutes[h])
#define CAN_INSERT(h) (!WRITING_OVER(minutes[h]) && !IN_THE_WAY(h))
#define IS_REFUSED(h) (!WRITING_OVER(minutes[h]) && IN_THE_WAY(h))
#endif

#ifdef NO_SEEN_CHECK
#define MAY_CLEAR(p, h) cached
#else
#define MAY_CLEAR(p, h) (cached && SEEN(p, h) == in_force)
#endif

inline clear_or_drop(p, h) {
    if
    :: MAY_CLEAR(p, h) -> clear = clear & ~minutes[h]; printf("bits of hold %d cleared\n", h)
    :: else -> cached = false; clear = 0; printf("bitmap dropped for hold %d\n", h)
    fi;
    bump_taken()
}

inline leave_lists(h) {
    live[h] = false;
    if :: record[h] != none -> record[h] = confirmed :: else -> skip fi
}

proctype Confirmation(byte p; byte h) {
    /* 1: pin. A direct booking places its hold pinned. */
end:
    if
    :: atomic { (record[h] == held || record[h] == pinned) && live[h] ->
           pin(p, h); printf("confirmation %d pins hold %d\n", p, h) }
    :: atomic { p < HOLDS && CAN_PLACE(h, 1) ->
           place(h, 1); pin(p, h); printf("direct booking %d pins its hold\n", p) }
#if MINUTES > 1
    :: atomic { p < HOLDS && CAN_PLACE(h, 2) ->
           place(h, 2); pin(p, h); printf("direct booking %d pins its hold\n", p) }
    :: atomic { p < HOLDS && CAN_PLACE(h, 3) ->
           place(h, 3); pin(p, h); printf("direct booking %d pins its hold\n", p) }
#endif
#ifdef REPEAT
    :: atomic { p >= HOLDS && minutes[h] != 0 && !live[h] && record[h] != confirmed && IS_FREE(h, minutes[h]) ->
           forget_hold(h); place(h, minutes[h]); pin(p, h); printf("direct booking %d is repeated by %d\n", h, p) }
#endif
#ifdef AWAY
    :: atomic { p < HOLDS && minutes[h] == 0 && IN_TURN(h) ->
           minutes[h] = 1; at_work[p] = true; excuse(); printf("direct booking %d goes on without Redis\n", p) }
#endif
    fi;

    /* 2: the transaction inserts the appointment, of which one hold makes one, and the claim. */
    if
    :: atomic { writing[h] == NOBODY && !appointment[h] && CAN_INSERT(h) ->
           writing[h] = p; printf("confirmation %d inserts\n", p) }
    :: atomic { writing[h] == NOBODY && !appointment[h] && IS_REFUSED(h) ->
           printf("confirmation %d is refused\n", p);
           /* 2, first half: while its pin lasts, a hold does not lose to a claim committed after it was placed. */
           assert(excused || late[p] || on_stale[h]) } -> goto refused
    :: atomic { writing[h] == NOBODY && appointment[h] ->
           printf("confirmation %d finds the appointment\n", p) } -> goto booked_before
    :: atomic { true -> die(p, h) } -> goto done
    fi;

    /* 3: commit, with the row for the invalidator, if it is not too late. The grace is longer than the time to commit
     * by a margin; that is why looking at the clock and committing are one step here. */
    if
    :: atomic { !TOO_LATE(p) ->
           claim[h] = minutes[h]; appointment[h] = true; booked[h] = true; rows = rows | BIT(h);
           writing[h] = NOBODY; late[p] = false;
           printf("confirmation %d commits\n", p); check() }
    :: atomic { true -> die(p, h) } -> goto done
    fi;

    /* 4: settle. */
#ifdef NO_MARK_WITH_DROP
    if
    :: atomic { true -> mark(h); printf("confirmation %d marks its commit\n", p); check() }
    :: atomic { true -> die(p, h) } -> goto done
    fi;
#endif
#ifdef NO_SINGLE_SETTLE
    if
    :: atomic { true -> leave_lists(h); printf("confirmation %d takes the hold away\n", p); check() }
    :: atomic { true -> die(p, h) } -> goto done
    fi;
#endif
    if
    :: atomic { true ->
           clear_or_drop(p, h); leave_lists(h); mark(h); SEEN(p, h) = nothing; lapsed[h] = false;
           printf("confirmation %d has settled\n", p); end_work(p); check() }
    :: atomic { true -> die(p, h) }
    fi;
    goto done;

refused:
    /* What was cached said free: forget it, and the hold. */
    if
    :: atomic { true -> drop_bitmap(); printf("confirmation %d drops the bitmap\n", p); check() }
    :: atomic { true -> die(p, h) } -> goto done
    fi;
    if
    :: atomic { record[h] != confirmed ->
           forget_hold(h); printf("confirmation %d releases its hold\n", p); end_work(p); check() }
    :: atomic { true -> die(p, h) }
    fi;
    goto done;

booked_before:
    /* Whoever made the appointment may not have settled it. */
    if
    :: atomic { true -> drop_bitmap(); printf("confirmation %d drops the bitmap\n", p); check() }
    :: atomic { true -> die(p, h) } -> goto done
    fi;
    if
    :: atomic { true -> leave_lists(h); printf("confirmation %d takes the hold away\n", p); end_work(p); check() }
    :: atomic { true -> die(p, h) }
    fi;
done:
    skip
}

/* ---------------------------------------------------------------- Readers: StaffDays.fill */

inline read_version(r) {
#ifdef NO_CREATE_ON_READ
    if :: versioned -> read[r] = in_force :: else -> read[r] = absent fi
#else
    make_version(); read[r] = in_force
#endif
}

#define IS_UNCHANGED(r) (read[r] == in_force || (read[r] == absent && !versioned) || TAKEN_THOUGH_OUTDATED)

/* They are alike, too: the second begins only while the first is at work. */
proctype Reader(byte r) {
end:
    do
    :: atomic { read[r] == nothing && !cached && (r == 0 || read[0] != nothing) ->
           read_version(r); printf("reader %d reads the version\n", r) }
    :: atomic { read[r] != nothing && !has_snapshot[r] ->
           snapshot[r] = TAKEN; has_snapshot[r] = true;
           printf("reader %d reads Postgres: %d\n", r, snapshot[r]) }
    :: atomic { has_snapshot[r] && IS_UNCHANGED(r) ->
           cached = true; clear = ALL & ~snapshot[r]; begin_anew(r); printf("reader %d fills the cache\n", r); check() }
    :: atomic { read[r] != nothing -> begin_anew(r) }           /* refused, or dead */
    od
}

/* ---------------------------------------------------------------- The invalidator */

/* One commit at a time. That it really reads many rows, and deletes them together, only keeps rows longer. */
proctype Invalidator() {
    byte commit;
end:
    do
    :: atomic { rows != 0 ->
           if
           :: rows & BIT(0) -> commit = 0
           :: rows & BIT(1) -> commit = 1
           :: rows & BIT(PAST_THE_ENGINE) -> commit = PAST_THE_ENGINE
           :: rows & BIT(CANCELLATION) -> commit = CANCELLATION
           fi;
           invalidating = true;
#ifdef NO_DELETE_LAST
           rows = rows & ~BIT(commit);
#endif
           printf("invalidator reads the row of commit %d\n", commit) }
       if
       :: atomic { marks & BIT(commit) -> printf("invalidator passes over a marked commit\n") }
       :: atomic { !(marks & BIT(commit)) ->
              drop_bitmap();
              if :: commit < HOLDS -> lapsed[commit] = false :: else -> skip fi;
              printf("invalidator drops the bitmap\n"); check() }
       :: atomic { true -> commit = 0; invalidating = false; printf("invalidator dies\n"); check() } -> goto end
       fi;
       if
       :: atomic { true ->
              rows = rows & ~BIT(commit); marks = marks & rows; commit = 0; invalidating = false;
              printf("invalidator deletes the row\n"); check() }
       :: atomic { true -> commit = 0; invalidating = false; printf("invalidator dies\n"); check() }
       fi
    od
}

/* ---------------------------------------------------------------- Time, and what Redis may lose */

/* A pin ends when the time to commit is over for everybody who rests on it: it is held again for the rest of its life.
 * Somebody who is late while the pin lasts can only give up, which is among the ways to die. */
inline end_grace(h) {
    record[h] = held;
    if :: at_work[h] && !appointment[h] -> late[h] = true :: else -> skip fi;
#ifdef TWICE
    if :: h == 0 && at_work[2] && !appointment[h] -> late[2] = true :: else -> skip fi;
#endif
    printf("the grace of hold %d ends\n", h)
}

/* A hold that is released looks the same from here. */
inline expire(h) {
    live[h] = false;
    if :: claim[h] && (rows & BIT(h)) && !excused -> lapsed[h] = true :: else -> skip fi;
    printf("hold %d expires\n", h)
}

proctype Time() {
end:
    do
    :: atomic { record[0] == pinned -> end_grace(0) }
    :: atomic { record[1] == pinned -> end_grace(1) }
    :: atomic { record[0] == held && live[0] -> expire(0) }
    :: atomic { record[1] == held && live[1] -> expire(1) }
#ifdef FLUSH
    :: atomic { cached || versioned || marks || record[0] != none || record[1] != none ->
           cached = false; clear = 0; lose_version(); marks = 0; forget_hold(0); forget_hold(1); excuse();
           printf("Redis loses everything\n") }
#endif
#ifdef EVICT
    :: atomic { versioned -> lose_version(); printf("Redis loses the version\n") }
    :: atomic { cached -> cached = false; clear = 0; printf("Redis loses the bitmap\n") }
    :: atomic { marks & BIT(0) -> marks = marks & ~BIT(0); printf("Redis loses a mark\n") }
    :: atomic { marks & BIT(1) -> marks = marks & ~BIT(1); printf("Redis loses a mark\n") }
    :: atomic { marks & BIT(CANCELLATION) -> marks = marks & ~BIT(CANCELLATION); printf("Redis loses a mark\n") }
    :: atomic { record[0] != none && !live[0] -> forget_hold(0); printf("the record of hold 0 expires\n") }
    :: atomic { record[1] != none && !live[1] -> forget_hold(1); printf("the record of hold 1 expires\n") }
#endif
    od
}

/* ---------------------------------------------------------------- Cancelling: AppointmentService.cancel */

inline free_claim(h, commit) {
    claim[h] = 0; booked[h] = false; lapsed[h] = false; rows = rows | BIT(commit)
}

proctype Canceller() {
    byte h;
end:
    if
    :: atomic { booked[0] -> h = 0; free_claim(0, CANCELLATION); cancelling = true;
           printf("cancellation of 0 commits\n"); check() }
    :: atomic { booked[1] -> h = 1; free_claim(1, CANCELLATION); cancelling = true;
           printf("cancellation of 1 commits\n"); check() }
    fi;
#ifdef NO_MARK_WITH_DROP
    if
    :: atomic { true -> mark(CANCELLATION); printf("cancellation marks its commit\n") }
    :: atomic { true -> cancelling = false; printf("cancellation dies\n"); check() } -> goto done
    fi;
#endif
    if
    :: atomic { true -> drop_bitmap(); mark(CANCELLATION); printf("cancellation drops the bitmap\n"); check() }
    :: atomic { true -> cancelling = false; printf("cancellation dies\n"); check() } -> goto done
    fi;
    if
    :: atomic { record[h] != confirmed ->
           forget_hold(h); cancelling = false; printf("hold %d is abandoned\n", h); check() }
    :: atomic { true -> cancelling = false; check() }           /* it was settled; or this process dies */
    fi;
done:
    skip
}

/* ---------------------------------------------------------------- Past the engine */

#ifdef NO_CONSTRAINT
#define CAN_ADD(mask) true
#else
#define CAN_ADD(mask) (!WRITING_OVER(mask) && !((claim[0] | claim[1]) & (mask)))
#endif

inline add_past_the_engine(mask) {
    claim[PAST_THE_ENGINE] = mask; rows = rows | BIT(PAST_THE_ENGINE); excuse();
    printf("somebody adds a claim past the engine\n"); check()
}

inline delete_past_the_engine(h) {
    free_claim(h, PAST_THE_ENGINE); excuse();
    printf("somebody deletes claim %d past the engine\n", h); check()
}

proctype Outsider() {
end:
    if
    :: atomic { CAN_ADD(1) -> add_past_the_engine(1) }
#if MINUTES > 1
    :: atomic { CAN_ADD(3) -> add_past_the_engine(3) }
#endif
    :: atomic { booked[0] -> delete_past_the_engine(0) }
    :: atomic { booked[1] -> delete_past_the_engine(1) }
    fi
}

init {
    atomic {
        run Visitor(0); run Confirmation(0, 0);
#ifndef ALONE
        run Visitor(1); run Confirmation(1, 1);
#endif
#ifdef TWICE
        run Confirmation(2, 0);
#endif
        run Reader(0); run Reader(1); run Invalidator(); run Time();
#ifdef CANCEL
        run Canceller();
#endif
#ifdef OUTSIDE
        run Outsider();
#endif
    }
}
