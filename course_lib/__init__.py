"""A small library of database patterns with async SQLAlchemy, one module per pattern,
to be read from top to bottom.

    errors          what can go wrong, by name
    settings        where the database is: COURSE_DATABASE
    db              engine, session factory, Base, UTC timestamps, one spelling of names
    models          User, Post, Tag, Account, Transfer, LoginToken, OutboxMessage
    eager_loading   what to fetch along with a row
    statements      which statements give each row once, and can be listed
    pagination      pages by number and pages by key
    repositories    where the queries live; they flush and never commit
    transactions    unit of work, transfer_funds, retry; the only place that commits
    live_changes    change a table while others use it
    outbox          what to tell outside: written in the same commit, sent later
    security        password hashing, off the event loop
    access          who is there, and may they: logins that end at once
    schemas         what comes in and what goes out
    services        where the rules live; no HTTP
    dependencies    one session per request, committed before the reply
    routers         parse, call one service method, answer
    app             put together; one table from errors to status codes
    testing         a clean database for each test of a project, on both databases

A module imports only modules above it. Two more storeys stand on these patterns, and
each imports only what is below:

    lab             instruments and stages, for anybody's engine and models
    school          the course around them: exercises, learners, a class, `course`

Every pattern runs without the two. An import has no effect: no engine, no file, no read
of the environment."""
