package mutants

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/testsuite/oracle"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// oracles are the names of all that can call a run a violation.
var oracles = append(
	slices.Clone(outside),
	oracle.CoreInvariant, oracle.NodeFailure, oracle.Placement,
	invariant.OracleElectionSafety, invariant.OracleLeaderAppendOnly, invariant.OracleLogMatching, invariant.OracleLeaderCompleteness,
	invariant.OracleStateMachineSafety, invariant.OracleProgress, invariant.OracleStateHash, invariant.OracleDurability,
	invariant.OracleRecovery, invariant.OracleConfiguration,
)

// alone says why parts stay that alone find nothing.
//
//go:embed alone.md
var alone string

// ablation is that of the first range, nil if it was not asked for.
func (s *Score) ablation() *Ablation {
	if len(s.Hunts) == 0 {
		return nil
	}
	return s.Hunts[0].Ablation
}

// writeAblation writes what finds what.
func writeAblation(b *strings.Builder, scores []*Score) {
	scores = slices.DeleteFunc(slices.Clone(scores), func(s *Score) bool { return s.ablation() == nil })
	if len(scores) == 0 {
		return
	}
	outsiders := 0
	needs := make(map[string][]string)
	first, second, only := make(map[string]int), make(map[string]int), make(map[string][]string)
	for _, s := range scores {
		a, by := s.ablation(), s.Hunts[0].Found.Oracle
		if a.Outside != "" {
			outsiders++
		}
		for _, class := range a.Needs {
			needs[string(class)] = append(needs[string(class)], s.Mutant.ID)
		}
		first[by]++
		if a.Others == "" {
			only[by] = append(only[by], s.Mutant.ID)
		} else {
			other, _, _ := strings.Cut(a.Others, "/")
			second[other]++
		}
	}
	fmt.Fprintf(b, "\n## What finds what\n\n"+
		"Of the %d mutants that seeds find, each was hunted again without one class of faults, then with the oracle mute that had found it, "+
		"then by what can be seen from outside alone (linearizability, liveness, routing, dead processes). \"Only\" means: not found "+
		"within %d times the seeds that it took before and %d more, or %s of one core.\n\n"+
		"%d are found from outside.\n\n", len(scores), patience, enough, fmt.Sprintf("%.0f s", AblationTime.Seconds()), outsiders)
	b.WriteString("| class of faults | only found with it |\n|---|---|\n")
	for _, class := range append(plan.Classes(), plan.ClassQuirk) {
		fmt.Fprintf(b, "| %s | %s |\n", class, counted(needs[string(class)]))
	}
	b.WriteString("\n| oracle | finds first | finds when the first is mute | only it finds |\n|---|---|---|---|\n")
	for _, name := range oracles {
		fmt.Fprintf(b, "| %s | %d | %d | %s |\n", name, first[name], second[name], counted(only[name]))
	}
	b.WriteString(alone)
}

func counted(ids []string) string {
	if len(ids) == 0 {
		return "0"
	}
	return fmt.Sprintf("%d: %s", len(ids), strings.Join(ids, ", "))
}
