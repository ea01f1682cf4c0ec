/*
 * Tokens of the condition language.
 *
 * What a word means depends on where it stands: after an operator "and" is a value, after a check it is a keyword. The
 * modes below are these places. Each token leads to the mode of what may come next, so the lexer always knows whether
 * a condition, an operator, a value or a connective is expected. Where one text means the same in several modes, the
 * rule is repeated with type().
 *
 * Input is bytes: a character stands for one byte, and the byte stream hands out every byte above 0x7E as 0x7F, because
 * no rule tells such bytes apart. Every mode ends with a rule that takes any character as ERROR, so the lexer itself
 * never fails; the parser rejects the ERROR where it stands.
 */
lexer grammar ConditionLexer;

tokens { ERROR }

fragment Blank      : [ \t\b\r\n] ;
fragment Space      : [ \t\r\n\u000B\f] ;
fragment Word       : [a-zA-Z] [a-zA-Z0-9_]* ;
fragment FieldName  : Word ('.' Word)+ ;
fragment Transformer: ('tolower' | 'toupper' | 'b64' | 'basename' | 'len' | 'join' | 'concat' | 'getopt') '(' ;
fragment Modifier   : 'oneof' | 'anyof' | 'allof' ;
fragment Equality   : '=' | '==' | '!=' ;
fragment TextSearch
    : 'contains' | 'icontains' | 'bcontains' | 'startswith' | 'bstartswith' | 'endswith' | 'glob' | 'iglob' | 'regex'
    ;
fragment Number     : '0' [xX] [0-9a-fA-F]+ | [+-]? [0-9]+ '.'? [0-9]* ([eE] [+-] [0-9]+)? ;

// A quotation mark ends the string unless the character before it is a backslash; what the backslashes mean is decided
// later, when the escapes are resolved.
fragment Quoted
    : '"'  (~["\\] | '\\'+ ~[\\])* '"'
    | '\'' (~['\\] | '\\'+ ~[\\])* '\''
    ;

// A backspace is a blank before a bare string but a part of it inside.
fragment Bare       : ~[()"'=, \t\b\r\n\u000B\f] ~[()"'=, \t\r\n\u000B\f]* ;

// ---- where a condition begins ----

BLANKS      : Blank+ -> skip ;
NOT         : 'not' Space+ ;
NOT_LPAREN  : 'not(' ;
LPAREN      : '(' ;
FIELD       : FieldName -> mode(OPERATOR) ;
// The bracket of an argument is glued to the name.
FIELD_ARG   : FieldName '[' -> mode(OPERATOR), pushMode(ARGUMENT) ;
TRANSFORMER : Transformer -> mode(OPERATOR), pushMode(ARGUMENTS) ;
MACRO       : Word -> mode(CONNECTIVE) ;
BAD         : . -> type(ERROR) ;

// ---- after the left-hand side of a check ----
mode OPERATOR;

OPERATOR_BLANKS : Blank+ -> skip ;
EXISTS          : 'exists' -> mode(CONNECTIVE) ;
ORDER_OP        : ('<' | '<=' | '>' | '>=') -> mode(NUMBER_VALUE) ;
// The blank belongs to the operator: a word needs one, and only after a blank may a modifier follow.
TEXT_OP         : (Equality | TextSearch) Blank+ -> mode(TEXT_VALUE) ;
TEXT_OP_GLUED   : Equality -> mode(TEXT_VALUE) ;
LIST_OP         : ('in' | 'intersects' | 'pmatch') -> mode(LIST_VALUE) ;
OPERATOR_BAD    : . -> type(ERROR) ;

// ---- after < <= > >= ----
mode NUMBER_VALUE;

NUMBER_BLANKS      : Blank+ -> skip ;
VAL                : 'val(' -> mode(CONNECTIVE), pushMode(ARGUMENTS) ;
NUMBER_TRANSFORMER : Transformer -> type(TRANSFORMER), mode(CONNECTIVE), pushMode(ARGUMENTS) ;
NUMBER             : Number -> mode(CONNECTIVE) ;
NUMBER_BAD         : . -> type(ERROR) ;

// ---- after = contains and their like ----
mode TEXT_VALUE;

TEXT_BLANKS      : Blank+ -> skip ;
TEXT_VAL         : 'val(' -> type(VAL), mode(CONNECTIVE), pushMode(ARGUMENTS) ;
TEXT_TRANSFORMER : Transformer -> type(TRANSFORMER), mode(CONNECTIVE), pushMode(ARGUMENTS) ;
MODIFIER         : Modifier Blank+ -> mode(MODIFIED) ;
QUOTED           : Quoted -> mode(CONNECTIVE) ;
BARE             : Bare -> mode(CONNECTIVE) ;
TEXT_BAD         : . -> type(ERROR) ;

// ---- after a modifier, which is an ordinary value unless a list or its name follows ----
mode MODIFIED;

MODIFIED_AND       : 'and' -> type(AND), mode(GLUE) ;
MODIFIED_OR        : 'or' -> type(OR), mode(GLUE) ;
MODIFIED_NOT       : 'not' -> type(ERROR) ;
MODIFIED_RPAREN    : ')' -> type(RPAREN), mode(CONNECTIVE) ;
MODIFIED_LIST_OPEN : '(' -> type(LIST_OPEN), mode(LIST) ;
NAME               : Word -> mode(CONNECTIVE) ;
MODIFIED_BAD       : . -> type(ERROR) ;

// ---- after in, intersects, pmatch ----
mode LIST_VALUE;

LISTS_BLANKS      : Blank+ -> skip ;
LISTS_VAL         : 'val(' -> type(VAL), mode(CONNECTIVE), pushMode(ARGUMENTS) ;
LISTS_TRANSFORMER : Transformer -> type(TRANSFORMER), mode(CONNECTIVE), pushMode(ARGUMENTS) ;
LIST_OPEN         : '(' -> mode(LIST) ;
LISTS_NAME        : Word -> type(NAME), mode(CONNECTIVE) ;
LISTS_BAD         : . -> type(ERROR) ;

// ---- inside a list of strings ----
mode LIST;

LIST_BLANKS : Blank+ -> skip ;
LIST_QUOTED : Quoted -> type(QUOTED) ;
LIST_BARE   : Bare -> type(BARE) ;
COMMA       : ',' ;
LIST_CLOSE  : ')' -> mode(CONNECTIVE) ;
LIST_BAD    : . -> type(ERROR) ;

// ---- after a complete check or group ----
mode CONNECTIVE;

CONNECTIVE_BLANKS : Blank+ -> skip ;
AND               : 'and' -> mode(GLUE) ;
OR                : 'or' -> mode(GLUE) ;
RPAREN            : ')' ;
CONNECTIVE_BAD    : . -> type(ERROR) ;

// ---- directly after and, or: whether a blank or a parenthesis follows makes a difference ----
mode GLUE;

GAP         : Blank+ -> mode(DEFAULT_MODE) ;
GLUE_LPAREN : '(' -> type(LPAREN), mode(DEFAULT_MODE) ;
GLUE_BAD    : . -> type(ERROR) ;

// ---- inside the parentheses of a transformer or val ----
mode ARGUMENTS;

ARGUMENTS_BLANKS      : Blank+ -> skip ;
ARGUMENTS_NUMBER      : Number -> type(NUMBER) ;
ARGUMENTS_QUOTED      : Quoted -> type(QUOTED) ;
ARGUMENTS_TRANSFORMER : Transformer -> type(TRANSFORMER), pushMode(ARGUMENTS) ;
ARGUMENTS_FIELD       : FieldName -> type(FIELD) ;
ARGUMENTS_FIELD_ARG   : FieldName '[' -> type(FIELD_ARG), pushMode(ARGUMENT) ;
GROUP_OPEN            : '(' -> pushMode(GROUP) ;
ARGUMENTS_COMMA       : ',' -> type(COMMA) ;
CLOSE                 : ')' -> popMode ;
// Closes the transformer and opens the argument that is glued to it.
CLOSE_ARG             : ')[' -> mode(ARGUMENT) ;
ARGUMENTS_BAD         : . -> type(ERROR) ;

// ---- inside a parenthesised list that is an argument of a transformer ----
mode GROUP;

GROUP_BLANKS      : Blank+ -> skip ;
GROUP_NUMBER      : Number -> type(NUMBER) ;
GROUP_QUOTED      : Quoted -> type(QUOTED) ;
GROUP_TRANSFORMER : Transformer -> type(TRANSFORMER), pushMode(ARGUMENTS) ;
GROUP_FIELD       : FieldName -> type(FIELD) ;
GROUP_FIELD_ARG   : FieldName '[' -> type(FIELD_ARG), pushMode(ARGUMENT) ;
GROUP_COMMA       : ',' -> type(COMMA) ;
GROUP_CLOSE       : ')' -> popMode ;
GROUP_BAD         : . -> type(ERROR) ;

// ---- inside the brackets of an argument ----
mode ARGUMENT;

ARGUMENT_QUOTED : Quoted -> type(QUOTED) ;
ARGUMENT_TEXT   : ~[[\]"' \t\r\n\u000B\f]+ ;
ARGUMENT_CLOSE  : ']' -> popMode ;
ARGUMENT_BAD    : . -> type(ERROR) ;
