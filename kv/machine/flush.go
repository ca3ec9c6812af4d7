package machine

// Flush makes durable what has been applied. It may run beside Apply.
func (m *Machine) Flush() error { return m.engine.Flush() }

// Failed is the error after which the machine cannot be used any more, nil if there was none. It is called
// on the machine's lane.
func (m *Machine) Failed() error { return m.failed }

// Failed is the engine's error after which the stage cannot be used any more, nil if there was none.
func (s *Stage) Failed() error { return s.failed }
