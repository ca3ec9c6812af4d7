package store

import (
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// NodeReport is what a node said of itself, or why it could not be asked.
type NodeReport struct {
	Endpoint string
	// Status is nil if the node could not be asked; then Err says why.
	Status *kvpb.NodeStatus
	Err    error
}

// Node is a node's status in the form of the output.
type Node struct {
	Endpoint string `json:"endpoint"`
	Alive    bool   `json:"alive"`
	Error    string `json:"error,omitempty"`
	Node     uint64 `json:"node,omitempty"`
	Cluster  string `json:"cluster,omitempty"`
	Version  string `json:"version,omitempty"`
	UptimeMS uint64 `json:"uptime_ms,omitempty"`
	Failure  string `json:"failure,omitempty"`
	// Health is "damaged" or "rejoining" where what the node has on disk cannot be relied on; HealthReason
	// says why.
	Health       string `json:"health,omitempty"`
	HealthReason string `json:"health_reason,omitempty"`
	// Sharded: the cluster has partitions; TableVersion is that of the table of them that the node has, 0 if it
	// has none yet; Refused says why the cluster does not take the node in.
	Sharded      bool    `json:"sharded,omitempty"`
	TableVersion uint64  `json:"table_version,omitempty"`
	Refused      string  `json:"refused,omitempty"`
	Groups       []Group `json:"groups,omitempty"`
}

// Group is a node's part of one Raft group.
type Group struct {
	Group uint64 `json:"group"`
	// Metadata: this is the group that holds the table of partitions.
	Metadata bool `json:"metadata,omitempty"`

	Role    string `json:"role"`
	Term    uint64 `json:"term"`
	Leader  uint64 `json:"leader"`
	Commit  uint64 `json:"commit"`
	Applied uint64 `json:"applied"`
	Durable uint64 `json:"durable"`
	Last    uint64 `json:"last"`
}

// Summary puts a report into the form of the output.
func (r NodeReport) Summary() Node {
	n := Node{Endpoint: r.Endpoint}
	if r.Err != nil {
		n.Error = r.Err.Error()
	}
	s := r.Status
	if s == nil {
		return n
	}
	n.Alive, n.Node, n.Cluster, n.Version = true, s.Node, s.ClusterName, s.Version
	n.UptimeMS, n.Failure = s.UptimeMs, s.Failure
	if s.Health != kvpb.Health_SOUND {
		n.Health, n.HealthReason = strings.ToLower(s.Health.String()), s.HealthReason
	}
	n.Sharded, n.TableVersion, n.Refused = s.Sharded, s.TableVersion, Plainly(s.Refused)
	for _, g := range s.Groups {
		n.Groups = append(n.Groups, Group{
			Group: g.Group, Metadata: s.Sharded && g.Group == placement.MetaGroup, Role: g.Role, Term: g.Term, Leader: g.LeaderNode,
			Commit: g.Commit, Applied: g.Applied, Durable: g.Durable, Last: g.Last,
		})
	}
	return n
}

// Uptime is how long the node runs.
func (n Node) Uptime() time.Duration { return time.Duration(n.UptimeMS) * time.Millisecond }

// Plainly is what the placement says of why it refuses something, without the word that begins it.
func Plainly(refusal string) string {
	return strings.TrimPrefix(refusal, placement.ErrRefused.Error()+": ")
}
