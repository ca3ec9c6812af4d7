package confchange

import (
	"errors"
	"fmt"
	"slices"
)

// Kind says what a Change does.
type Kind uint8

const (
	// AddLearner adds Change.Member.ID's node under the generation Config.Generation+1; the
	// caller fills in the id accordingly. With Member.Promote it becomes a voter by itself.
	AddLearner Kind = iota + 1
	// Promote makes a learner a voter.
	Promote
	// Demote makes a voter a learner.
	Demote
	// Remove removes a member.
	Remove
	// Update changes Promote, Priority and Info of a member.
	Update
	// Advance raises the configuration's epoch to Change.Epoch.
	Advance
)

// String names the kind.
func (k Kind) String() string {
	if k < AddLearner || k > Advance {
		return fmt.Sprintf("unknown change %d", uint8(k))
	}
	return [...]string{"add learner", "promote", "demote", "remove", "update", "advance"}[k-AddLearner]
}

// Change is one step of what is asked of a configuration. Only the ID of Member counts for
// Promote, Demote and Remove, and Epoch for Advance alone.
type Change struct {
	Kind   Kind
	Member Member
	Epoch  uint64
}

// Apply returns what becomes of the configuration by these changes, which name each member once
// and are made in order: a joint configuration if the voters change, otherwise a simple one
// (CONF-5). An error says which change cannot be made and why; c is never changed.
func (c Config) Apply(changes []Change) (Config, error) {
	if c.Joint() {
		return Config{}, errors.New("confchange: the configuration is joint: it must be left before anything else can change")
	}
	if len(changes) == 0 {
		return Config{}, errors.New("confchange: no change is asked for")
	}
	next := Config{Members: slices.Clone(c.Members), Generation: c.Generation, Epoch: c.Epoch}
	named := map[uint64]bool{}
	for _, change := range changes {
		id := change.Member.ID
		if named[id] {
			return Config{}, fmt.Errorf("confchange: %v %d: this member is named twice: one change of it at a time", change.Kind, id)
		}
		named[id] = true
		if err := next.apply(change); err != nil {
			return Config{}, fmt.Errorf("confchange: %v %d: %w", change.Kind, id, err)
		}
	}
	if !slices.ContainsFunc(next.Members, func(m Member) bool { return m.Voter }) {
		return Config{}, fmt.Errorf("%w: promote another member first", errNoVoters)
	}
	next.enterJoint(c)
	if err := next.Validate(); err != nil {
		return Config{}, err
	}
	return next, nil
}

// apply makes one change. A voter that goes is only marked as outgoing.
func (c *Config) apply(change Change) error {
	switch change.Kind {
	case AddLearner:
		return c.addLearner(change.Member)
	case Advance:
		return c.advance(change.Epoch)
	}
	i := slices.IndexFunc(c.Members, func(m Member) bool { return m.ID == change.Member.ID })
	if i < 0 {
		return errors.New("there is no such member")
	}
	m := &c.Members[i]
	switch change.Kind {
	case Promote:
		if m.Voter {
			return errors.New("it is a voter already")
		}
		m.Voter, m.Learner, m.Promote = true, false, false
	case Demote:
		if !m.Voter {
			return errors.New("it is a learner already")
		}
		m.Voter, m.Learner, m.Outgoing = false, true, true
	case Remove:
		if !m.Voter {
			c.Members = slices.Delete(c.Members, i, i+1)
			return nil
		}
		m.Voter, m.Outgoing = false, true
	case Update:
		if change.Member.Promote && !m.Learner {
			return errors.New("it is a voter already: there is nothing to promote it to")
		}
		m.Promote, m.Priority, m.Info = change.Member.Promote, change.Member.Priority, change.Member.Info
	default:
		return errors.New("there is no such kind of change")
	}
	return nil
}

func (c *Config) advance(epoch uint64) error {
	if epoch <= c.Epoch {
		return fmt.Errorf("epoch %d was reached already, what is wanted is that of epoch %d", c.Epoch, epoch)
	}
	c.Epoch = epoch
	return nil
}

func (c *Config) addLearner(m Member) error {
	if _, ok := c.Member(m.ID); ok {
		return errors.New("it is a member already")
	}
	if other, ok := c.OnNode(m.Node()); ok && !other.leaves() {
		return fmt.Errorf("member %d lives on that node: remove it first, one replica of a group on a node is enough", other.ID)
	}
	if c.Generation+1 == 0 {
		return errors.New("the group has no generation left for a new replica")
	}
	if g := generation(m.ID); g != c.Generation+1 {
		return fmt.Errorf("its generation is %d, must be %d: one more than any replica of the group ever had (CONF-4)", g, c.Generation+1)
	}
	if len(c.Members) == MaxMembers {
		return fmt.Errorf("there are %d members already, that is the most", MaxMembers)
	}
	c.Generation++
	m.Voter, m.Outgoing, m.Learner = false, false, true
	c.Members = append(c.Members, m)
	c.sort()
	return nil
}

// enterJoint makes the configuration joint with the voters of the one before, if they differ.
func (c *Config) enterJoint(before Config) {
	same := true
	for _, m := range c.Members {
		same = same && m.Voter == before.IsVoter(m.ID)
	}
	if same {
		return
	}
	for i := range c.Members {
		c.Members[i].Outgoing = before.IsVoter(c.Members[i].ID)
	}
}

// Leave returns what a joint configuration leads to: its incoming voters and the learners. It
// panics if c is not joint.
func (c Config) Leave() Config {
	if !c.Joint() {
		panic(fmt.Sprintf("confchange: there is nothing to leave: %v is not joint", c))
	}
	next := Config{Generation: c.Generation, Epoch: c.Epoch}
	for _, m := range c.Members {
		m.Outgoing = false
		if m.Voter || m.Learner {
			next.Members = append(next.Members, m)
		}
	}
	return next
}
