package zone

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Summary is the judgement of a history of many keys.
type Summary struct {
	Keys, Operations int
	// Accepted counts the keys that were accepted.
	Accepted int
	// Rejected and Undecided are the other keys, sorted.
	Rejected, Undecided []KeyJudgement
}

// KeyJudgement is that of one key; its indexes are those of the history.
type KeyJudgement struct {
	Key string
	Judgement
}

// CheckAll judges each key of a history by itself, which must be in the order of its calls within each
// key. Keys are judged at the same time on all processors; the result does not depend on that.
// The orders of accepted keys are not kept.
func CheckAll(h *history.History) *Summary {
	keys, parts := split(h)
	judgements := make([]Judgement, len(keys))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(keys)) {
		wait.Go(func() {
			var ops []*history.Operation
			for k := int(next.Add(1)) - 1; k < len(keys); k = int(next.Add(1)) - 1 {
				ops = ops[:0]
				for _, at := range parts[k] {
					ops = append(ops, &h.Operations[at])
				}
				judgements[k] = Check(ops, history.Never)
				judgements[k].Order = nil
			}
		})
	}
	wait.Wait()
	s := &Summary{Keys: len(keys), Operations: len(h.Operations)}
	for k, j := range judgements {
		for i, at := range j.Set {
			j.Set[i] = int(parts[k][at])
		}
		switch j.Answer {
		case Accept:
			s.Accepted++
		case Reject:
			s.Rejected = append(s.Rejected, KeyJudgement{Key: keys[k], Judgement: j})
		default:
			s.Undecided = append(s.Undecided, KeyJudgement{Key: keys[k], Judgement: j})
		}
	}
	return s
}

// split sorts the operations by key: for each key, sorted, the indexes of its operations.
func split(h *history.History) (keys []string, parts [][]int32) {
	numbers := make(map[string]int32)
	of := make([]int32, len(h.Operations))
	var counts []int32
	for i := range h.Operations {
		key := h.Operations[i].Key
		number, known := numbers[key]
		if !known {
			number = int32(len(keys))
			numbers[key] = number
			keys = append(keys, key)
			counts = append(counts, 0)
		}
		of[i] = number
		counts[number]++
	}
	all := make([]int32, len(h.Operations))
	unsorted := make([][]int32, len(keys))
	for k, n := range counts {
		unsorted[k], all = all[:0:n], all[n:]
	}
	for i, k := range of {
		unsorted[k] = append(unsorted[k], int32(i))
	}
	slices.Sort(keys)
	for _, key := range keys {
		parts = append(parts, unsorted[numbers[key]])
	}
	return keys, parts
}
