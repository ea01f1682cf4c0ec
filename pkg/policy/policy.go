// Package policy compares rules with the audit policy of an API server: which rules can ever fire under a policy, which
// policy feeds the rules, and how much a policy sends.
package policy
