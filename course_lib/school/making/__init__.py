"""What is made from the solutions and the lessons.

starter_code  a step of nbgrader's that starts an exercise from wrong code
ways_on       where each notebook leads
cutting       the exercise notebooks, cut out of the solutions
slide_steps   what stands on which slide
slides        a lesson as slides
"""
