/*
 * The condition language: what rules, macros and filters are written in.
 *
 * Every decision is made on the next token alone, so parsing takes linear time and needs no prediction machinery; a
 * test of this package keeps it so.
 */
parser grammar ConditionParser;

options { tokenVocab = ConditionLexer; }

// A whole condition.
condition : disjunction EOF ;

// A field or a transformer expression alone, with anything after it.
operand : field | transform ;

// The operand of a glued "or(" is the group alone: "a or(b) and c" is an error, "a or (b) and c" is not.
disjunction : conjunction (OR (GAP conjunction | LPAREN disjunction RPAREN))* ;

conjunction : negation (AND (GAP negation | LPAREN disjunction RPAREN))* ;

negation : nots+=NOT* (open=NOT_LPAREN disjunction RPAREN | LPAREN disjunction RPAREN | check | macro) ;

macro : MACRO ;

check : (field | transform) comparison ;

comparison
    : op=EXISTS
    | op=ORDER_OP (number | val | transform)
    | op=TEXT_OP (modified | text | val | transform)
    | op=TEXT_OP_GLUED (word | text | val | transform)
    | op=LIST_OP (list | name | val | transform)
    ;

// Without a list the modifier is a plain string.
modified : MODIFIER (list | name)? ;

word : MODIFIER ;

list : LIST_OPEN (text (COMMA text)*)? LIST_CLOSE ;

name : NAME ;

// The label keeps the generator from making a set of the two, for which it writes code that does not compile.
text : QUOTED | bare=BARE ;

quoted : QUOTED ;

number : NUMBER ;

field : FIELD | FIELD_ARG argument ;

argument : (QUOTED | ARGUMENT_TEXT) ARGUMENT_CLOSE ;

val : VAL field close ;

transform : TRANSFORMER input (COMMA input)* close ;

input : number | quoted | group | transform | field ;

group : GROUP_OPEN (item (COMMA item)*)? GROUP_CLOSE ;

item : field | transform | quoted | number ;

close : CLOSE | CLOSE_ARG argument ;
