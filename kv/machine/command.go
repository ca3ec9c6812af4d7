package machine

// OpKind says what one operation of a command does.
type OpKind uint8

const (
	// OpPut writes Value under Key.
	OpPut OpKind = iota + 1
	// OpErase removes Key.
	OpErase
	// OpGet reads Key, as part of a command. It sees the writes of earlier
	// operations of the same command.
	OpGet
)

// CondKind says what must hold of a key for its command to be carried out.
type CondKind uint8

const (
	// CondNone asks for nothing.
	CondNone CondKind = iota
	// CondAbsent asks that the key has no value.
	CondAbsent
	// CondExists asks that the key has a value.
	CondExists
	// CondVersion asks that the key's version is Op.CondVersion (which is not 0).
	CondVersion
	// CondValue asks that the key's value equals Op.CondValue byte for byte.
	CondValue
)

// Op is one operation of a CmdApply command. A condition may be attached to
// any kind of operation; it is judged against the state before the command.
type Op struct {
	Kind OpKind
	Cond CondKind
	Key  []byte
	// Value is what OpPut writes; it may be empty.
	Value []byte
	// CondVersion belongs to CondKind CondVersion, CondValue to CondValue.
	CondVersion uint64
	CondValue   []byte
}

// CommandKind says what a command asks of the machine.
type CommandKind uint8

const (
	// CmdApply carries out Ops atomically: all conditions hold, or nothing is done.
	CmdApply CommandKind = iota + 1
	// CmdOpenSession opens a session; its id is the entry's log index.
	CmdOpenSession
	// CmdCloseSession forgets the session and its saved results.
	CmdCloseSession
	// CmdKeepAlive keeps the session from expiring and takes note of Acked.
	CmdKeepAlive
)

// Command is the payload of a normal log entry.
type Command struct {
	Kind CommandKind
	// Time is the proposing leader's wall clock in nanoseconds since the Unix epoch.
	// It is a proposal: log time is the highest one seen so far (MACH-5).
	Time int64
	// Session is the session the command belongs to, or 0 for none: then nothing
	// protects it from being carried out twice.
	Session uint64
	// Seq numbers the CmdApply commands of a session from 1. A retry keeps it.
	Seq uint64
	// Acked promises that the client has the answers to all numbers up to it and will
	// never ask again; their saved results are dropped.
	Acked uint64
	// Ops are the operations of a CmdApply command, at least one.
	Ops []Op
}
