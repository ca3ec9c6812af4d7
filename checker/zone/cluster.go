package zone

import "github.com/holdfastdb/holdfast/checker/history"

// cluster is a write with the answers that show it.
type cluster struct {
	writer int32
	// readers are the items that saw it, in the order of their calls: a part of one
	// array of all clusters.
	readers []int32
	// version of the write, and the item that told it.
	version uint64
	teller  int32
	// follows is the cluster that this one's compare-and-set replaced, next the one
	// that replaced this.
	follows, next int32
	// block is the chain of compare-and-sets that it is in.
	block int32
	// blind: the compare-and-set expects a version that no answer explains.
	blind bool
}

// resolve forms the clusters: which write did each answer show?
func (r *register) resolve() *Judgement {
	for i := range r.items {
		if it := &r.items[i]; it.role == writes {
			it.cluster = int32(len(r.clusters))
			r.clusters = append(r.clusters, cluster{
				writer: int32(i), version: it.version, teller: int32(i), follows: none, next: none, block: none,
			})
		}
	}
	if j := r.tell(); j != nil {
		return j
	}
	for i := range r.items {
		it := &r.items[i]
		if it.role != sees {
			continue
		}
		if j := r.attribute(int32(i)); j != nil {
			return j
		}
	}
	r.gather()
	return nil
}

// tell notes which versions the answers of writes and erasures tell.
func (r *register) tell() *Judgement {
	r.told = make(map[uint64]int32, len(r.clusters))
	for i := range r.items {
		it := &r.items[i]
		if it.role > erases || it.version == 0 {
			continue
		}
		if other, twice := r.told[it.version]; twice {
			return r.reject(RuleSameVersion, "two changes of the key have one version", other, int32(i))
		}
		r.told[it.version] = int32(i)
	}
	return nil
}

// attribute finds the write that an answer shows.
func (r *register) attribute(reader int32) *Judgement {
	it := &r.items[reader]
	o := &r.origins[it.value]
	writer := o.first
	switch {
	case writer == none:
		return r.reject(RuleOrigin, "it saw a value that no operation can have written", reader)
	case o.others > 0:
		var j *Judgement
		if writer, j = r.distinguish(reader); j != nil {
			return j
		}
	}
	w := &r.items[writer]
	if it.ret < w.op.Call {
		return r.reject(RuleFuture, "it saw a value before the write of it was called", reader, writer)
	}
	it.cluster, w.effective = w.cluster, true
	c := &r.clusters[w.cluster]
	switch {
	case it.version == 0 || it.version == c.version:
		return nil
	case c.version != 0:
		return r.reject(RuleVersions, "two answers tell different versions of one write", reader, c.teller)
	}
	c.version, c.teller = it.version, reader
	if other, twice := r.told[it.version]; twice {
		return r.reject(RuleSameVersion, "two changes of the key have one version", other, reader)
	}
	r.told[it.version] = writer
	return nil
}

// distinguish tells the writes of one value apart by the version that was seen.
func (r *register) distinguish(reader int32) (writer int32, j *Judgement) {
	it := &r.items[reader]
	if it.version == 0 {
		return none, undecided("a value was written more than once, and an answer shows it without a version")
	}
	if other, ok := r.told[it.version]; ok {
		if o := &r.items[other]; o.role != writes || o.value != it.value {
			return none, r.reject(RuleSameVersion, "it saw a value under the version of another change", reader, other)
		}
		return other, nil
	}
	writer = none
	for i := range r.clusters {
		w := r.clusters[i].writer
		if r.items[w].value != it.value || r.clusters[i].version != 0 {
			continue
		}
		if writer != none {
			return none, undecided("a value was written more than once, and the versions do not tell by whom")
		}
		writer = w
	}
	if writer == none {
		return none, r.reject(RuleOrigin, "it saw a value under a version that none of the writes of it has", reader)
	}
	return writer, nil
}

// gather lists the readers of each cluster.
func (r *register) gather() {
	counts := make([]int32, len(r.clusters)+1)
	total := 0
	for i := range r.items {
		if it := &r.items[i]; it.role == sees {
			counts[it.cluster]++
			total++
		}
	}
	all := make([]int32, total)
	for i := range r.clusters {
		r.clusters[i].readers, all = all[:0:counts[i]], all[counts[i]:]
	}
	for i := range r.items {
		if it := &r.items[i]; it.role == sees {
			c := &r.clusters[it.cluster]
			c.readers = append(c.readers, int32(i))
		}
	}
}

// chain links each compare-and-set that took effect to the write that it replaced. If
// that write's outcome is unknown, it took effect too, so this goes on with it.
func (r *register) chain() *Judgement {
	var todo []int32
	for i := range r.clusters {
		if w := r.clusters[i].writer; r.items[w].effective && r.items[w].conditional() {
			todo = append(todo, w)
		}
	}
	for len(todo) > 0 {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		before, j := r.replaced(w)
		if j != nil {
			return j
		}
		if before == none {
			continue
		}
		c, f := r.items[w].cluster, r.items[before].cluster
		if other := r.clusters[f].next; other != none {
			return r.reject(RuleSuccessors, "two compare-and-sets replaced the same write", w, r.clusters[other].writer)
		}
		r.clusters[c].follows, r.clusters[f].next = f, c
		if !r.items[before].effective {
			r.items[before].effective = true
			if r.items[before].conditional() {
				todo = append(todo, before)
			}
		}
	}
	r.suspect()
	return nil
}

// replaced finds the write that a compare-and-set replaced, if that is certain.
func (r *register) replaced(w int32) (before int32, j *Judgement) {
	it := &r.items[w]
	switch it.op.Kind {
	case history.CASValue:
		o := &r.origins[it.expect]
		if o.first == none || o.first == w && o.others == 0 {
			return none, r.reject(RuleOrigin, "it replaced a value that no other operation can have written", w)
		}
		if o.others == 0 {
			return o.first, nil
		}
		// Which of them it was shows in the search.
		r.repeated = append(r.repeated, it.expect)
	case history.CASVersion:
		before, ok := r.told[it.op.ExpectVersion]
		switch {
		case !ok:
			r.clusters[it.cluster].blind = true
		case r.items[before].role == erases:
			return none, r.reject(RuleOrigin, "it replaced the version of an erasure", w, before)
		case before == w:
			return none, r.reject(RuleOrigin, "it replaced its own version", w)
		default:
			return before, nil
		}
	}
	return none, nil
}

// suspect finds out whether unknown writes that nobody saw must be tried by themselves: a
// compare-and-set may have replaced one if the version or the value that it expects leaves open
// which write it replaced.
func (r *register) suspect() {
	unseen := make(map[int32]bool)
	for i := range r.clusters {
		w := &r.items[r.clusters[i].writer]
		if !w.effective {
			unseen[w.value] = true
		}
		r.optional = r.optional || w.effective && r.clusters[i].blind
	}
	for _, value := range r.repeated {
		r.optional = r.optional || unseen[value]
	}
}
