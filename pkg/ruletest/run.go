package ruletest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Runner runs test files. Its members are not changed while it runs.
type Runner struct {
	// Catalogues are what the function Catalogues gives.
	Catalogues map[string]*field.Catalogue
	// Builtin are the rules files that come with the program.
	Builtin []rule.File
	// Select, when not nil, leaves out the tests whose names it does not match.
	Select *regexp.Regexp
	// Parallel is how many tests run at the same time; 0 for one on each processor.
	Parallel int
	// Coverage asks for Report.Coverage.
	Coverage bool

	// sets are the sets of rules by what they are made of; each is loaded once.
	sets map[string]*loaded
}

// Report is what came out.
type Report struct {
	// Results are in the order of the files and of the tests in them. Tests that were left out are not among them.
	Results []*Result
	// Files counts the test files.
	Files int
	// Broken are the errors that kept tests from being run, such as a test file that cannot be read.
	Broken []error
	// Coverage holds an entry for each set of rules.
	Coverage []*Coverage
	Duration time.Duration
}

// Failed counts the tests that failed.
func (r *Report) Failed() int {
	n := 0
	for _, one := range r.Results {
		if len(one.Failures) > 0 {
			n++
		}
	}
	return n
}

// Result is one test that was run.
type Result struct {
	File *File
	Test *Test
	// Failures say what is not as expected; none when the test passed.
	Failures []Failure
	// Alerts counts the alerts, Events the events.
	Alerts, Events int
	Duration       time.Duration

	rules *Rules
	// fired are the names of the rules that fired.
	fired map[string]bool
}

// Failure is one thing that is not as a test expects it.
type Failure struct {
	Pos     rule.Position
	Message string
	// Details are further lines.
	Details []string
}

// Suffix is how the names of test files in a folder end.
const Suffix = "_test.yaml"

// Find replaces folders by the test files in them and below them, by name. A file that is named is taken whatever its
// name is.
func Find(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("find test files: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(name, Suffix) {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find test files: %w", err)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no test files (*%s) in %s", Suffix, strings.Join(paths, ", "))
	}
	return files, nil
}

// Run runs the test files. What is wrong with one of them is in Report.Broken and does not keep the others from being
// run; the only error is that of the context.
func (r *Runner) Run(ctx context.Context, files []string) (*Report, error) {
	began := time.Now()
	report := &Report{Files: len(files)}
	var sets []*Rules
	for _, name := range files {
		f, err := ReadFile(name, r.Catalogues)
		var set *Rules
		if err == nil {
			set, err = r.Rules(f)
		}
		if err == nil {
			err = check(f, set)
		}
		if err != nil {
			report.Broken = append(report.Broken, err)
			continue
		}
		if !slices.Contains(sets, set) {
			sets = append(sets, set)
		}
		for _, t := range f.Tests {
			if r.Select == nil || r.Select.MatchString(t.Name) {
				report.Results = append(report.Results, &Result{File: f, Test: t, rules: set, fired: map[string]bool{}})
			}
		}
	}
	report.Broken = append(report.Broken, r.runAll(ctx, report.Results)...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.Coverage {
		for _, set := range sets {
			report.Coverage = append(report.Coverage, set.coverage(report.Results))
		}
	}
	report.Duration = time.Since(began)
	return report, nil
}

// runAll runs the tests side by side and gives the errors in the order of the tests.
func (r *Runner) runAll(ctx context.Context, results []*Result) (broken []error) {
	workers := r.Parallel
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	queue := make(chan int)
	found := make([]error, len(results))
	var wait sync.WaitGroup
	for range min(workers, len(results)) {
		wait.Go(func() {
			for i := range queue {
				found[i] = results[i].run(ctx, r.Coverage)
			}
		})
	}
	for i := range results {
		queue <- i
	}
	close(queue)
	wait.Wait()
	return slices.DeleteFunc(found, func(err error) bool { return err == nil })
}

// check finds the expectations that no rule can meet.
func check(f *File, rules *Rules) error {
	var found Problems
	for _, t := range f.Tests {
		for _, x := range t.Expect {
			one := rules.Rule(x.Rule)
			if one == nil {
				found = append(found, Problem{Pos: x.Pos, Message: "there is no rule " + quoted(x.Rule), Hint: rules.Suggest(x.Rule)})
				continue
			}
			for _, w := range x.Fields {
				if _, ok := w.source[one.Source]; !ok {
					found = append(found, Problem{Pos: x.Pos, Message: fmt.Sprintf("events of source %s have no field %s", one.Source, w.name)})
				}
			}
		}
	}
	if len(found) > 0 {
		return found
	}
	return nil
}

type loaded struct {
	rules *Rules
	err   error
}

// Rules loads the rules of a test file, or gives them when they were loaded before. It is not safe for concurrent use.
func (r *Runner) Rules(f *File) (*Rules, error) {
	var paths []string
	for _, name := range f.Rules {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(f.Name), name)
		}
		paths = append(paths, name)
	}
	id := fmt.Sprintf("%v %q %v", f.Builtin, paths, f.Selection)
	l := r.sets[id]
	if l == nil {
		l = &loaded{}
		l.rules, l.err = r.load(f, paths)
		if r.sets == nil {
			r.sets = map[string]*loaded{}
		}
		r.sets[id] = l
	}
	return l.rules, l.err
}

func (r *Runner) load(f *File, paths []string) (*Rules, error) {
	var files []rule.File
	if f.Builtin {
		files = append(files, r.Builtin...)
	}
	own, err := rule.ReadFiles(paths)
	if err != nil {
		return nil, shown{fmt.Errorf("%s: %w", f.Name, err)}
	}
	// A folder of rules may hold their tests too.
	own = slices.DeleteFunc(own, func(f rule.File) bool { return strings.HasSuffix(f.Name, Suffix) && !slices.Contains(paths, f.Name) })
	files = append(files, own...)
	rules, unmatched, found := Load(files, f.Selection, r.Catalogues)
	if rules == nil {
		return nil, fmt.Errorf("%s: %w", rule.Printable(f.Name), &RulesError{File: f.Name, Findings: found})
	}
	for _, u := range unmatched {
		return nil, Problems{{Pos: f.selected[u.Index], Message: u.Message, Hint: u.Hint}}
	}
	return rules, nil
}
