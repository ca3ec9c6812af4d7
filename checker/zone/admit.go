package zone

import "github.com/holdfastdb/holdfast/checker/history"

// role is what an operation does to the register, given its answer.
type role uint8

const (
	// writes: gave the key a value, or may have.
	writes role = iota
	// erases: made the key absent, or may have.
	erases
	// sees: saw a value.
	sees
	// misses: saw that the key was absent.
	misses
)

// none is the index of no item and no cluster.
const none int32 = -1

// item is an operation that may have taken part.
type item struct {
	op *history.Operation
	at int32 // its index in the history
	// cluster is the own one of a write, and that of the write that was seen.
	cluster int32
	// value is the id of what was written or seen, expect of what CASValue expects.
	value, expect int32
	role          role
	// open: the outcome is not known.
	open bool
	// effective: took effect for certain.
	effective bool
	// version is the one told by the answer or inferred, 0 if it is not known.
	version uint64
	// ret is history.Never for open ones.
	ret int64
}

// conditional: a conditional write that wrote, or may have.
func (it *item) conditional() bool { return it.role == writes && it.op.Kind.Conditional() }

// origin is what is known of the writes of a value.
type origin struct {
	// first is the first item that writes it, others how many more do.
	first, others int32
}

// register is the problem of one key.
type register struct {
	ops      []*history.Operation
	items    []item
	ids      map[string]int32
	origins  []origin // by value id
	clusters []cluster
	told     map[uint64]int32 // version to the write or erasure that has it
	blocks   []block
	versions []int32 // items of known version that changed the key, sorted by it
	// repeated are values that compare-and-sets expect and several operations write.
	repeated []int32
	// optional: unknown writes that nobody saw may have been what a compare-and-set replaced.
	optional bool
}

func (r *register) id(value string) int32 {
	id, ok := r.ids[value]
	if !ok {
		id = int32(len(r.origins))
		r.ids[value] = id
		r.origins = append(r.origins, origin{first: none})
	}
	return id
}

// admit takes the operations that can matter, and refuses what the rest of the package
// does not expect.
func (r *register) admit(horizon int64) *Judgement {
	r.items = make([]item, 0, len(r.ops))
	r.ids = make(map[string]int32, len(r.ops)/2)
	for i, op := range r.ops {
		switch {
		case op == nil || op.Kind < history.Get || op.Kind > history.PutIfAbsent || op.Outcome < history.OK || op.Outcome > history.Unknown:
			return undecided("an operation is not valid")
		case i > 0 && r.ops[i-1].Call >= op.Call || op.Return <= op.Call:
			return undecided("the operations are not in the order of their calls")
		case op.Call > horizon || op.Outcome == history.Failed || op.Stale:
			continue
		}
		it := item{op: op, at: int32(i), cluster: none, value: none, expect: none, ret: op.Return}
		it.open = op.Outcome == history.Unknown || op.Return > horizon
		if it.open {
			it.ret = history.Never
		}
		if it.open && (op.Kind == history.Get || refused(op)) {
			continue // it changes nothing
		}
		if j := r.classify(&it); j != nil {
			return j
		}
		r.items = append(r.items, it)
	}
	return nil
}

// refused: a conditional write that was told, perhaps after the horizon, that it did not write.
func refused(op *history.Operation) bool {
	return op.Outcome == history.OK && op.Kind.Conditional() && !op.Result.Swapped
}

// classify fills in what the answer says.
func (r *register) classify(it *item) *Judgement {
	op, result := it.op, &it.op.Result
	if op.Kind == history.CASValue {
		it.expect = r.id(op.ExpectValue)
	}
	switch {
	case it.open || op.Wrote():
		it.effective = !it.open
		if !it.open {
			it.version = result.Version
		}
		it.role = writes
		if op.Kind == history.Erase {
			it.role = erases
			return nil
		}
		it.value = r.id(op.Value)
		o := &r.origins[it.value]
		if o.first != none {
			o.others++
		} else {
			o.first = int32(len(r.items))
		}
	case result.Found && op.Kind != history.Erase:
		it.role, it.value, it.version = sees, r.id(result.Value), result.Version
		held := op.Kind == history.CASValue && op.ExpectValue == result.Value ||
			op.Kind == history.CASVersion && op.ExpectVersion == result.Version
		if held {
			return &Judgement{Answer: Reject, Rule: RuleRefusal, Set: []int{int(it.at)}, Reason: "it was refused although the state that it tells meets its condition"}
		}
	default:
		it.role = misses
		if op.Kind == history.PutIfAbsent {
			return &Judgement{Answer: Reject, Rule: RuleRefusal, Set: []int{int(it.at)}, Reason: "it was refused although the key was absent"}
		}
	}
	return nil
}
