package oracle

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// logConfig is a configuration in a replica's log.
type logConfig struct {
	index, epoch uint64
	members      invariant.Membership
}

func membersOf(c confchange.Config) invariant.Membership {
	out := make(invariant.Membership, 0, len(c.Members))
	for i := range c.Members {
		m := &c.Members[i]
		out = append(out, invariant.Member{ID: m.ID, Node: m.Node(), Store: m.Store, Voter: m.Voter, Outgoing: m.Outgoing, Learner: m.Learner})
	}
	return out
}

func decode(data []byte) invariant.Membership { return membersOf(configIn(data)) }

func configIn(data []byte) confchange.Config {
	c, err := confchange.Decode(data)
	if err != nil {
		panic(fmt.Sprintf("oracle: a configuration entry that does not decode: %v", err))
	}
	return c
}

// baseConfig is the configuration where the copy of the log starts; of a log that starts at 1 it is
// the one that the group starts with, empty on a replica that was added later.
func (o *groupWatch) baseConfig(w *watched, core *raft.Raft) {
	w.configs = w.configs[:0]
	if w.base > 0 {
		mark, ok := core.MarkAt(w.base)
		if !ok {
			panic(fmt.Sprintf("oracle: the log of replica %d starts at %d and knows no mark there", core.ID(), w.base))
		}
		w.configBase = decode(mark.Config)
		o.check(o.configs.ObserveInstalled(of(w.replica), w.base, w.configBase))
		return
	}
	w.configBase = nil
	if core.ID().Generation() == 0 {
		if o.initial == nil {
			o.initial = membersOf(core.Configuration()) // of a group that has just been created
		}
		w.configBase = o.initial
		o.check(o.configs.ObserveCommitted(of(w.replica), 0, o.initial))
	}
}

// configured takes note of a configuration that was appended.
func (o *groupWatch) configured(w *watched, e *raft.Entry, commit uint64) {
	if e.Kind != raft.EntryConfig {
		return
	}
	if n := len(w.configs); w.leads && n > 0 {
		o.check(o.configs.ObserveProposed(of(w.replica), e.Index, w.configs[n-1].index, commit))
	}
	c := configIn(e.Data)
	w.configs = append(w.configs, logConfig{e.Index, c.Epoch, membersOf(c)})
}

// unconfigure drops the configurations of entries that were truncated.
func (w *watched) unconfigure(last uint64) {
	for len(w.configs) > 0 && w.configs[len(w.configs)-1].index > last {
		w.configs = w.configs[:len(w.configs)-1]
	}
	w.checkedConfig = nil
}

// rebase moves the configurations of entries up to index out of the list.
func (w *watched) rebase(index uint64) {
	n := 0
	for n < len(w.configs) && w.configs[n].index <= index {
		w.configBase = w.configs[n].members
		n++
	}
	w.configs = slices.Delete(w.configs, 0, n)
}

// newestConfig is the one that the replica must follow.
func (w *watched) newestConfig() invariant.Membership {
	if n := len(w.configs); n > 0 {
		return w.configs[n-1].members
	}
	return w.configBase
}

// possible are the configurations from the newest committed one on.
func (w *watched) possible(commit uint64) []invariant.Membership {
	all := []invariant.Membership{w.configBase}
	for _, c := range w.configs {
		if c.index <= commit {
			all = all[:0]
		}
		all = append(all, c.members)
	}
	return all
}

// observeConfig compares what a replica follows with what its log says, whenever that may have changed.
func (o *groupWatch) observeConfig(w *watched, core *raft.Raft) {
	newest := w.newestConfig()
	if w.checkedConfig != nil && len(newest) > 0 && &w.checkedConfig[0] == &newest[0] && w.checkedIndex == core.ConfigIndex() {
		return
	}
	w.checkedConfig, w.checkedIndex = newest, core.ConfigIndex()
	o.check(o.configs.ObserveInEffect(of(w.replica), membersOf(core.Configuration()), newest))
}

// committedConfigs tells of the configurations that were committed up to an index.
func (o *groupWatch) committedConfigs(w *watched, from, to uint64) {
	for _, c := range w.configs {
		if c.index <= from || c.index > to {
			continue
		}
		if c.index > o.newestConfig {
			o.newestConfig = c.index
			o.Count("configurations committed", 1)
			if c.members.Joint() {
				o.Count("joint configurations committed", 1)
			}
		}
		o.check(o.configs.ObserveCommitted(of(w.replica), c.index, c.members))
		o.epochs(c.index, c.epoch)
	}
}
