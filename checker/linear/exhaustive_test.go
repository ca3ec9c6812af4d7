package linear_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/stretchr/testify/require"
)

// world is the register as the exhaustive checker sees it: everything is
// known, and what is not known is guessed.
type world struct {
	value   string
	exists  bool
	version uint64
}

// exhaustive decides linearizability by trying every order, every guess
// for an unknown version and every choice of whether an unknown operation took effect.
// It shares nothing with the package under test.
func exhaustive(ops []history.Operation) bool {
	var live []history.Operation
	top := uint64(0)
	for _, op := range ops {
		top = max(top, op.Result.Version, op.ExpectVersion)
		if op.Outcome != history.Failed && (op.Outcome != history.Unknown || op.Kind != history.Get) {
			live = append(live, op)
		}
	}
	return exhaust(live, 0, world{}, top+uint64(len(ops)))
}

func exhaust(ops []history.Operation, done uint, w world, top uint64) bool {
	end, answered := history.Never, false
	for i, op := range ops {
		if done>>i&1 == 0 {
			end = min(end, op.Return)
			answered = answered || op.Outcome == history.OK
		}
	}
	if !answered {
		return true
	}
	for i, op := range ops {
		if done>>i&1 == 1 || op.Call > end {
			continue
		}
		for _, next := range outcomes(op, w, top) {
			if exhaust(ops, done|1<<i, next, top) {
				return true
			}
		}
	}
	return false
}

// outcomes lists the worlds after an operation that agree with its answer.
func outcomes(op history.Operation, w world, top uint64) []world {
	open, r := op.Outcome == history.Unknown, op.Result
	shown := r.Found == w.exists && (!r.Found || r.Value == w.value && (r.Version == 0 || r.Version == w.version))
	holds := true
	switch op.Kind {
	case history.Get:
		return keepIf(shown, w)
	case history.Erase:
		if !open && r.Found != w.exists {
			return nil
		}
		if !w.exists {
			return []world{w}
		}
	case history.PutIfAbsent:
		holds = !w.exists
	case history.CASValue:
		holds = w.exists && w.value == op.ExpectValue
	case history.CASVersion:
		holds = w.exists && w.version == op.ExpectVersion
	}
	if op.Kind.Conditional() {
		switch {
		case !open && !r.Swapped:
			return keepIf(!holds && shown, w)
		case !holds:
			return keepIf(open, w)
		}
	}
	var list []world
	for version := w.version + 1; version <= top; version++ {
		if open || r.Version == 0 || r.Version == version {
			list = append(list, world{value: op.Value, exists: op.Kind != history.Erase, version: version})
		}
	}
	return list
}

func keepIf(ok bool, w world) []world {
	if ok {
		return []world{w}
	}
	return nil
}

// scramble changes a few answers at random, keeping each operation well formed.
func scramble(rng *rand.Rand, h *history.History) {
	for range 2 + rng.IntN(6) {
		op := &h.Operations[rng.IntN(len(h.Operations))]
		other := h.Operations[rng.IntN(len(h.Operations))]
		_, observed := op.Observed()
		switch choice := rng.IntN(5); {
		case choice == 0 && op.Outcome == history.OK && (observed || op.Wrote()):
			op.Result.Version = uint64(1 + rng.IntN(8))
		case choice == 1 && observed && other.Value != "":
			op.Result.Value = other.Value
		case choice == 2 && observed:
			op.Result.Found, op.Result.Value, op.Result.Version = false, "", 0
		case choice == 3 && op.Kind == history.Erase && op.Outcome == history.OK:
			op.Result.Found, op.Result.Version = !op.Result.Found, 0
		case choice == 4 && op.Kind.CarriesValue() && other.Kind.CarriesValue():
			op.Value = other.Value // values that are not unique
		}
	}
}

// Goal: LIN-1 and LIN-2, the checker agrees with the definition. Method: 100 000 random histories of at most
// six operations, most of them scrambled, against trying all orders.
func TestCheckAgreesWithTryingAllOrders(t *testing.T) {
	const histories = 100_000
	var passed, refused int
	for seed := range uint64(histories) {
		rng := rand.New(rand.NewPCG(seed, 2))
		h := simulate(seed, 2+rng.IntN(5), 1+rng.IntN(4), float64(rng.IntN(3))/2, float64(rng.IntN(3))/3)
		if seed%4 != 0 {
			scramble(rng, h)
		}
		require.NoError(t, h.Validate())
		want := exhaustive(h.Operations)
		res := linear.Check(h, linear.Options{})
		require.Empty(t, res.Undecided)
		if want != (len(res.Findings) == 0) {
			t.Fatalf("seed %d: trying all orders says %v, the checker says %v\n%s", seed, want, res.Findings, show(h))
		}
		if want {
			passed++
		} else {
			refused++
		}
	}
	require.Greater(t, passed, histories/10)
	require.Greater(t, refused, histories/10)
}

// Goal: LIN-5, the zones and the search name the same operation. Method: scrambled histories, with and without the zones.
func TestBothWaysNameTheSameOperation(t *testing.T) {
	found := 0
	for seed := range uint64(10_000) {
		rng := rand.New(rand.NewPCG(seed, 8))
		h := simulate(seed, 4+rng.IntN(20), 1+rng.IntN(4), float64(rng.IntN(3))/2, float64(rng.IntN(3))/5)
		scramble(rng, h)
		require.NoError(t, h.Validate())
		fast, slow := linear.Check(h, linear.Options{}), linear.Check(h, linear.Options{PorcupineOnly: true})
		require.Len(t, fast.Findings, len(slow.Findings), "seed %d\n%s", seed, show(h))
		for i := range slow.Findings {
			found++
			require.Equal(t, slow.Findings[i].Operation, fast.Findings[i].Operation, "seed %d\n%s", seed, show(h))
			require.Equal(t, slow.Findings[i].Aspect, fast.Findings[i].Aspect)
			require.Equal(t, slow.Findings[i].Related, fast.Findings[i].Related)
		}
	}
	require.Greater(t, found, 1000)
}

func show(h *history.History) string {
	text := ""
	for i := range h.Operations {
		op := &h.Operations[i]
		text += fmt.Sprintf("%d: [%d,%d] %s\n", op.ID, op.Call, op.Return, linear.Describe(op))
	}
	return text
}
