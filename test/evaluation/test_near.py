import numpy as np

from evaluation.near import count_near

MPP = (0.25, 0.5)


def test_distances_are_micrometres() -> None:
    positions = np.array([[0.0, 0.0], [16.0, 0.0], [0.0, 8.0], [17.0, 0.0], [0.0, 9.0]])
    assert count_near(positions, positions[:1], MPP, 4.0) == 3
    assert count_near(positions[1:], positions[:1], MPP, 3.9) == 0


def test_a_stack_of_positions() -> None:
    stack = np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [99.0, 0.0]]])
    assert count_near(stack, np.zeros((1, 2)), MPP, 4.0).tolist() == [2, 1]
    assert count_near(stack, np.zeros((0, 2)), MPP, 4.0).tolist() == [0, 0]
    assert count_near(stack[:, :0], np.zeros((1, 2)), MPP, 4.0).tolist() == [0, 0]
