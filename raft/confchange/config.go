package confchange

// MaxVoters bounds the voters of one configuration, MaxMembers all members.
const (
	MaxVoters  = 9
	MaxMembers = 32
	// MaxInfo bounds Member.Info, in bytes.
	MaxInfo = 512
)

// Member is one replica in a configuration.
type Member struct {
	// ID is the replica's id: its low 32 bits are the node, its high 32 bits the generation
	// (raft.ReplicaID).
	ID uint64
	// Voter is a voter of the (incoming) configuration, Outgoing one of the configuration that
	// a joint one replaces. A member that is neither is a learner; Learner is also set on an
	// outgoing voter that becomes a learner (demotion).
	Voter, Outgoing, Learner bool
	// Promote, on a learner, asks the leader to make it a voter as soon as it has caught up.
	Promote bool
	// Store is the number of the log that the replica was added for; 0 for the replicas a
	// group starts with. A replica is created only in that store, so that a node which
	// lost its disk cannot come back as somebody it no longer is (MEMB-11).
	Store uint64
	// Priority prefers a voter as leader over those with a lower one.
	Priority uint8
	// Info is for people and shells: the node's address.
	Info string
}

// Config is who takes part in a group.
type Config struct {
	// Members are ascending by ID (CONF-1).
	Members []Member
	// Generation is the highest generation of any replica that ever was a member.
	Generation uint32
}

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
)

// Change is one step of what is asked of a configuration. Only the ID of Member counts for
// Promote, Demote and Remove.
type Change struct {
	Kind   Kind
	Member Member
}
