package run

import (
	"strings"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// T is what MustPass needs of a test; *testing.T has it.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// MustPass fails a test if a plan, as plan.json has it, does not decode or fails. A vacuous run is no failure: a plan that
// is kept because of a bug is there for that bug, and its faults may find nothing to hit where the bug is mended.
func MustPass(t T, planJSON string) {
	t.Helper()
	p, err := plan.Decode(strings.NewReader(planJSON))
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	switch v := Execute(p, Options{}).Verdict; v.Outcome {
	case verdict.Pass, verdict.Vacuous:
	default:
		t.Errorf("the plan ended in %s:\n%s", v.Outcome, strings.Join(v.Reasons, "\n"))
	}
}
