package analysis

import (
	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// Code is a kind of finding.
type Code struct {
	// Name is its stable name in kebab case.
	Name     string
	Severity condition.Severity
	// Summary says in one line what is found.
	Summary string
}

const (
	warning = condition.SeverityWarning
	info    = condition.SeverityInfo
)

// The kinds of findings.
var (
	AlwaysFalse        = Code{"always-false", warning, "a part of a condition that no event can fulfil"}
	AlwaysTrue         = Code{"always-true", warning, "a part of a condition that every event fulfils, or every one that has the field"}
	DeadBranch         = Code{"dead-branch", warning, "an alternative that contradicts what must hold beside it"}
	RedundantTerm      = Code{"redundant-term", info, "a part of a condition that changes nothing, because another part says as much or more"}
	ShadowedRule       = Code{"shadowed-rule", warning, "a rule that never fires under rule_matching: first, because an earlier rule matches all its events"}
	DuplicateRule      = Code{"duplicate-rule", warning, "two rules of one source with the same condition"}
	DuplicateItem      = Code{"duplicate-item", info, "a value that stands twice in one list"}
	RedefinedRule      = Code{"redefined-rule", info, "a later definition of a rule that replaces one of the same file, or drops tags or exceptions"}
	UnrestrictedBranch = Code{"unrestricted-branch", info, "the alternative that makes a rule look at every type of event"}
	EventNotDelivered  = Code{"event-not-delivered", info, "an event type that the sensors of this version never report"}
	FieldNeverSet      = Code{"field-never-set", warning, "a field in a condition or output that none of the rule's event types has"}
	PendingField       = Code{"pending-field", info, "a field that has no value in this version"}
	PlaceholderText    = Code{"placeholder-text", warning, "a comparison with <NA>, which outputs show for a missing value but fields do not hold"}
	MissingMatters     = Code{"missing-matters", info, "a negative check whose answer for a missing value is easily overlooked"}
	ImpossibleValue    = Code{"impossible-value", warning, "a constant that the field never has, such as a misspelled verb"}
	TrailingSlash      = Code{"trailing-slash", warning, "a path that ends with a slash, which paths of files and directories do not"}
	LiteralWildcard    = Code{"literal-wildcard", warning, "a constant with * as a wildcard for an operator that takes it as the character"}
	NullAsText         = Code{"null-as-text", warning, "a comparison with the word null, nil, none or undefined, which is not how a missing value is asked for"}
	ExpensivePattern   = Code{"expensive-pattern", info, "a pattern that a simpler and faster operator says as well"}
	WholeMatch         = Code{"whole-match", info, "a regular expression that looks as if it may match a part of the value, but must match all of it"}
	MixedAndOr         = Code{"mixed-and-or", info, "and beside or without parentheses"}
	AppendBinding      = Code{"append-binding", warning, "an appended and that binds to the last alternative only"}
	EmptyException     = Code{"empty-exception", info, "an exception without values"}
	BroadException     = Code{"broad-exception", warning, "an exception that holds for every event of its rule"}
	CaptureNotWritten  = Code{"capture-not-written", info, "a rule that asks for a capture file, which this version does not write"}
	RareTag            = Code{"rare-tag", info, "a tag used once that differs little from one used often"}
	Incomplete         = Code{"analysis-incomplete", info, "rules that are too many, or a condition that is too large, to be looked at in full"}
)

// Codes are all kinds of findings of this package by name.
var Codes = func() map[string]Code {
	codes := map[string]Code{}
	for _, c := range []Code{AlwaysFalse, AlwaysTrue, DeadBranch, RedundantTerm, ShadowedRule, DuplicateRule, DuplicateItem, RedefinedRule,
		UnrestrictedBranch, EventNotDelivered, FieldNeverSet, PendingField, PlaceholderText, MissingMatters,
		ImpossibleValue, TrailingSlash, LiteralWildcard, NullAsText, ExpensivePattern, WholeMatch, MixedAndOr, AppendBinding,
		EmptyException, BroadException, CaptureNotWritten, RareTag, Incomplete} {
		codes[c.Name] = c
	}
	return codes
}()

// finding makes a diagnostic without a place.
func (c Code) finding(message, hint string) rule.Diagnostic {
	return rule.Diagnostic{Severity: c.Severity, Code: c.Name, Message: message, Hint: hint}
}
