package confchange

import (
	"errors"
	"fmt"
)

// errNoVoters is what every configuration needs, but for that of a replica that knows of nobody.
var errNoVoters = errors.New("confchange: a configuration needs at least one voter")

// Validate returns what is wrong with the configuration (CONF-1 to CONF-3). The zero Config is
// wrong, too: nobody can be in it.
func (c Config) Validate() error {
	if len(c.Members) > MaxMembers {
		return fmt.Errorf("confchange: %d members, at most %d may be", len(c.Members), MaxMembers)
	}
	voters, outgoing := 0, 0
	type place struct {
		node   uint64
		leaves bool
	}
	taken := make(map[place]bool, len(c.Members))
	for i := range c.Members {
		m := &c.Members[i]
		if i > 0 && m.ID <= c.Members[i-1].ID {
			return fmt.Errorf("confchange: CONF-1: member %d follows member %d", m.ID, c.Members[i-1].ID)
		}
		at := place{m.Node(), m.leaves()}
		if at.node == 0 || taken[at] {
			return fmt.Errorf("confchange: CONF-1: member %d is the second on its node, or on node 0, which there is not", m.ID)
		}
		taken[at] = true
		if err := m.validate(); err != nil {
			return err
		}
		if generation(m.ID) > c.Generation {
			return fmt.Errorf("confchange: CONF-4: member %d has generation %d, the configuration only %d",
				m.ID, generation(m.ID), c.Generation)
		}
		if m.Voter {
			voters++
		}
		if m.Outgoing {
			outgoing++
		}
	}
	if voters == 0 {
		return fmt.Errorf("%w (CONF-3)", errNoVoters)
	}
	if voters > MaxVoters || outgoing > MaxVoters {
		return fmt.Errorf("confchange: CONF-3: %d voters, %d outgoing ones, at most %d may be", voters, outgoing, MaxVoters)
	}
	return nil
}

func (m *Member) validate() error {
	switch {
	case m.Voter && m.Learner:
		return fmt.Errorf("confchange: CONF-2: member %d is both voter and learner", m.ID)
	case !m.Voter && !m.Outgoing && !m.Learner:
		return fmt.Errorf("confchange: CONF-2: member %d is neither voter nor learner", m.ID)
	case m.Promote && !m.Learner:
		return fmt.Errorf("confchange: CONF-2: member %d waits for a promotion but is no learner", m.ID)
	case len(m.Info) > MaxInfo:
		return fmt.Errorf("confchange: member %d carries %d bytes of information, at most %d may be", m.ID, len(m.Info), MaxInfo)
	}
	return nil
}
