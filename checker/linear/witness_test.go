package linear_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/stretchr/testify/require"
)

// logStore is a correct store that decides every operation at an index of its log
// and tells it: the version of a write is its index, a read tells how far the log was.
// Requests that get lost may be decided much later, or never.
type logStore struct {
	rng     *rand.Rand
	rec     *history.Recorder
	index   uint64
	now     history.Result // of a read
	sent    []*sentOp
	written []string
	// lossy is the chance that a client gives up.
	lossy float64
}

type sentOp struct {
	id            history.OpID
	in            history.Input
	res           history.Result
	decided, gone bool
}

// runLogStore runs n operations on one key.
func runLogStore(rng *rand.Rand, n, clients int, lossy float64) *history.History {
	s := &logStore{rng: rng, rec: history.NewRecorder(), index: 1, lossy: lossy}
	for open := 0; s.rec.Len() < n || open > 0; {
		switch pick := rng.IntN(3); {
		case pick == 0 && s.rec.Len() < n && open < clients:
			s.send()
			open++
		case pick == 1 && len(s.sent) > 0:
			s.decide(s.sent[rng.IntN(len(s.sent))])
		case pick == 2 && len(s.sent) > 0:
			if s.end(rng.IntN(len(s.sent))) {
				open--
			}
		}
	}
	return s.rec.History(history.Header{Source: "test"})
}

func (s *logStore) send() {
	in := history.Input{Kind: history.Kind(1 + s.rng.IntN(6)), Key: "k"}
	if in.Kind.CarriesValue() {
		in.Value = fmt.Sprintf("v%d", s.rec.Len())
		s.written = append(s.written, in.Value)
	}
	switch in.Kind {
	case history.CASValue:
		in.ExpectValue = s.written[s.rng.IntN(len(s.written))]
		if s.now.Found && s.rng.IntN(3) > 0 {
			in.ExpectValue = s.now.Value
		}
	case history.CASVersion:
		in.ExpectVersion = max(1, s.now.Version)
	}
	s.sent = append(s.sent, &sentOp{id: s.rec.Invoke(1, in, 0), in: in})
}

// decide lets an operation take effect at the next index, some way behind the last: other keys are
// written too.
func (s *logStore) decide(p *sentOp) {
	if p.decided {
		return
	}
	p.decided = true
	if p.in.Kind == history.Get {
		p.res = s.now
		p.res.Partition, p.res.Index = 1, s.index
		return
	}
	s.index += 1 + uint64(s.rng.IntN(3)/2)
	p.res.Partition, p.res.Index = 1, s.index
	before, holds := s.now, true
	switch p.in.Kind {
	case history.Erase:
		p.res.Found = before.Found
		s.now = history.Result{}
		return
	case history.PutIfAbsent:
		holds = !before.Found
	case history.CASValue:
		holds = before.Found && before.Value == p.in.ExpectValue
	case history.CASVersion:
		holds = before.Found && before.Version == p.in.ExpectVersion
	}
	if !holds {
		p.res.Found, p.res.Value, p.res.Version = before.Found, before.Value, before.Version
		return
	}
	p.res.Swapped, p.res.Version = p.in.Kind.Conditional(), s.index
	s.now = history.Result{Found: true, Value: p.in.Value, Version: s.index}
}

// end answers an operation, or gives it up; it tells whether the client goes on.
func (s *logStore) end(i int) bool {
	p := s.sent[i]
	switch {
	case p.gone:
		return false
	case s.rng.Float64() < s.lossy:
		s.rec.Complete(p.id, history.Unknown, history.Result{}, "timeout", 0)
		p.gone = true // and may still be decided
		return true
	case !p.decided:
		return false
	}
	s.rec.Complete(p.id, history.OK, p.res, "", 0)
	s.sent = append(s.sent[:i], s.sent[i+1:]...)
	return true
}

// corrupt changes a few answers, indexes and places in time at random.
func corrupt(rng *rand.Rand, h *history.History) {
	for range 1 + rng.IntN(5) {
		op := &h.Operations[rng.IntN(len(h.Operations))]
		other := &h.Operations[rng.IntN(len(h.Operations))]
		_, observed := op.Observed()
		answered := op.Outcome == history.OK
		switch choice := rng.IntN(8); {
		case choice == 0 && answered:
			op.Result.Index = uint64(1 + rng.IntN(10))
		case choice == 1 && answered && other.Outcome == history.OK:
			op.Result.Index, other.Result.Index = other.Result.Index, op.Result.Index
		case choice == 2 && answered && (observed || op.Wrote()):
			op.Result.Version = uint64(1 + rng.IntN(10))
			if rng.IntN(2) == 0 && op.Wrote() {
				op.Result.Index = op.Result.Version // a wrong place, but told consistently
			}
		case choice == 3 && observed && other.Value != "":
			op.Result.Value = other.Value
		case choice == 4 && observed:
			op.Result.Found, op.Result.Value, op.Result.Version = false, "", 0
		case choice == 5 && op.Kind == history.Erase && answered:
			op.Result.Found = !op.Result.Found
		case choice == 6 && op.Kind.CarriesValue() && other.Kind.CarriesValue():
			op.Value = other.Value
		case choice == 7 && answered && other.Outcome == history.OK:
			// The same answers, at each other's time.
			op.Input, other.Input = other.Input, op.Input
			op.Result, other.Result = other.Result, op.Result
		}
	}
}

// Goal: what the witness path accepts is linearizable, whatever indexes it is given. Method: 80 000 random small
// histories, two thirds of them corrupted, against trying all orders; all kinds of histories must have come up.
func TestWitnessAcceptsOnlyWhatTryingAllOrdersAccepts(t *testing.T) {
	const histories = 80_000
	var valid, acceptedValid, acceptedCorrupt, illegal int
	for seed := range uint64(histories) {
		rng := rand.New(rand.NewPCG(seed, 3))
		h := runLogStore(rng, 2+rng.IntN(5), 1+rng.IntN(4), float64(rng.IntN(3))/6)
		corrupted := seed%3 != 0
		if corrupted {
			corrupt(rng, h)
		}
		if h.Validate() != nil {
			continue
		}
		accepted := linear.Witnessed(h.Operations)
		if !accepted && (!corrupted || seed%3 != 1) {
			valid += count(!corrupted)
			continue
		}
		legal := exhaustive(h.Operations)
		if accepted && !legal {
			t.Fatalf("seed %d: accepted by its witness, but no order explains it\n%s", seed, showPlaces(h))
		}
		require.True(t, legal || corrupted, "the store of this test is wrong: seed %d\n%s", seed, showPlaces(h))
		illegal += count(!legal)
		valid += count(!corrupted)
		acceptedValid += count(accepted && !corrupted)
		acceptedCorrupt += count(accepted && corrupted)
	}
	t.Logf("%d valid, of these %d accepted; %d corrupted ones accepted; %d of a sample illegal", valid, acceptedValid, acceptedCorrupt, illegal)
	require.Greater(t, acceptedValid, valid*8/10, "the witness path hardly helps")
	require.Greater(t, acceptedCorrupt, histories/20, "too few corrupted histories came near to being accepted")
	require.Greater(t, illegal, histories/40, "too few of the corrupted histories are illegal")
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func showPlaces(h *history.History) string {
	text := ""
	for i := range h.Operations {
		op := &h.Operations[i]
		text += fmt.Sprintf("%d: [%d,%d] at %d: %s\n", op.ID, op.Call, op.Return, op.Result.Index, linear.Describe(op))
	}
	return text
}

// Goal: the witness path is what decides histories in which everything was answered, whatever their size. Method: 300
// histories of up to 400 concurrent operations; every one must be accepted without the search.
func TestWitnessAcceptsEveryAnsweredHistory(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 4))
		h := runLogStore(rng, 1+rng.IntN(400), 1+rng.IntN(8), 0)
		require.NoError(t, h.Validate())
		require.True(t, linear.Witnessed(h.Operations), "seed %d\n%s", seed, showPlaces(h))
	}
}

// at gives an operation its witness.
func at(index uint64, o history.Operation) history.Operation {
	o.Result.Partition, o.Result.Index = 1, index
	return o
}

func ifAbsent(call, ret int64, value string, version uint64) history.Operation {
	return op(history.PutIfAbsent, call, ret, value, history.Result{Swapped: version != 0, Version: version})
}

// Goal: each rule of the witness path rejects what breaks it. Method: a history that is accepted next to one that differs in
// a single point and is not linearizable, or proposes an order that is none.
func TestWitnessRulesReject(t *testing.T) {
	lostErase := op(history.Erase, 3, 0, "", history.Result{})
	for name, c := range map[string]struct{ good, bad []history.Operation }{
		"an answer from before the call": {
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(2, put(3, 5, "b", 2)), at(1, get(4, 6, "a", 1))},
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(2, put(3, 4, "b", 2)), at(1, get(5, 6, "a", 1))},
		},
		"a read of another value": {
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(1, get(3, 4, "a", 1))},
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(1, get(3, 4, "b", 1))},
		},
		"a read of another version": {
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(1, get(3, 4, "a", 1))},
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(1, get(3, 4, "a", 2))},
		},
		"two writes at one index": {
			[]history.Operation{at(1, put(1, 3, "a", 1)), at(2, put(2, 4, "b", 2))},
			[]history.Operation{at(1, put(1, 3, "a", 1)), at(1, put(2, 4, "b", 1))},
		},
		"a write whose version is not its index": {
			[]history.Operation{at(2, put(1, 2, "a", 2)), at(3, put(3, 4, "b", 3))},
			[]history.Operation{at(2, put(1, 2, "a", 5)), at(3, put(3, 4, "b", 3))},
		},
		"an erasure whose version is not its index": {
			[]history.Operation{at(2, put(1, 2, "a", 2)), at(3, erase(3, 4, true, 3))},
			[]history.Operation{at(2, put(1, 2, "a", 2)), at(3, erase(3, 4, true, 1))},
		},
		"a compare-and-set that swapped against its condition": {
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(2, swap(3, 4, 1, "b", 2))},
			[]history.Operation{at(2, put(1, 2, "a", 2)), at(3, swap(3, 4, 1, "b", 3))},
		},
		"a compare-and-set refused although its condition held": {
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(2, refused(3, 4, 7, "a", 1))},
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(2, refused(3, 4, 1, "a", 1))},
		},
		"an unknown erasure that had no place": {
			[]history.Operation{at(1, put(1, 2, "a", 1)), lostErase, at(3, ifAbsent(4, 5, "b", 3))},
			[]history.Operation{at(1, put(1, 2, "a", 1)), lostErase, at(2, ifAbsent(4, 5, "b", 2))},
		},
		"an unknown erasure used twice": {
			[]history.Operation{at(1, put(1, 2, "a", 1)), lostErase, at(3, absent(4, 5)), at(4, put(6, 7, "b", 4)), at(4, get(8, 9, "b", 4))},
			[]history.Operation{at(1, put(1, 2, "a", 1)), lostErase, at(3, absent(4, 5)), at(4, put(6, 7, "b", 4)), at(4, absent(8, 9))},
		},
		"an unknown erasure that was called too late": {
			[]history.Operation{at(1, put(1, 2, "a", 1)), lostErase, at(1, absent(4, 5))},
			[]history.Operation{at(1, put(1, 2, "a", 1)), at(1, absent(4, 5)), op(history.Erase, 6, 0, "", history.Result{})},
		},
		"an unknown write that an erasure needed and that had no place": {
			[]history.Operation{put(1, 0, "a", 0), at(2, erase(2, 3, true, 2))},
			[]history.Operation{put(1, 0, "a", 0), at(1, erase(2, 3, true, 1))},
		},
		"no index": {
			[]history.Operation{at(1, put(1, 2, "a", 1))},
			[]history.Operation{at(0, put(1, 2, "a", 1))},
		},
	} {
		require.True(t, linear.Witnessed(c.good), name)
		require.False(t, linear.Witnessed(c.bad), name)
		require.True(t, exhaustive(c.good), name)
	}
	elsewhere := at(2, put(3, 4, "b", 2))
	elsewhere.Result.Partition = 2
	require.False(t, linear.Witnessed([]history.Operation{at(1, put(1, 2, "a", 1)), elsewhere}), "indexes of two partitions say nothing")
}

// Goal: a store that lies about its indexes cannot hide a violation, and one that mixes them up is not accused. Method: an illegal
// history under all orders of its indexes, and a legal one.
func TestWrongIndexesChangeNoVerdict(t *testing.T) {
	bad := []history.Operation{put(1, 2, "a", 1), put(3, 4, "b", 2), get(5, 6, "a", 1)}
	good := []history.Operation{put(1, 2, "a", 1), put(3, 4, "b", 2), get(5, 6, "b", 2)}
	for a := range uint64(4) {
		for b := range uint64(4) {
			for c := range uint64(4) {
				require.Len(t, check(t, at(a, bad[0]), at(b, bad[1]), at(c, bad[2])).Findings, 1)
				legal(t, at(a, good[0]), at(b, good[1]), at(c, good[2]))
			}
		}
	}
}
