"""What learners handed in, taken in.

decoding       bytes as text and as JSON, or what they are instead
archives       files out of zips and tars
incoming       the files of a folder or an archive
reading        a notebook as nbgrader can read it, mended where nothing is lost
words          words in a file's name that name nobody
platforms      how each platform packs what learners hand in
whose          whom a path names
gradescope     the names in Gradescope's own list
telling_apart  which learner each notebook belongs to, and what has to be asked
originals      every notebook as it came
taking         the newest of a learner's notebooks, into submitted/
collect        the step: all of it, for one delivery
"""
