/**
 * Imports the results of process.py into the images of the open QuPath project.
 *
 * 1. ./run.sh SLIDES FOUND --geojson
 * 2. In QuPath 0.4 or later, open a project with the images, then Automate > Script editor.
 * 3. Set FOUND below, or run `QuPath script --project=PROJECT --args=FOUND import_mitoses.groovy`.
 *
 * An image is found by the name of its file. Running the script again adds nothing twice: the same
 * detection has the same id. Not run in QuPath: its methods were checked by name against the source
 * of QuPath (ProjectImageEntry, PathObjectHierarchy and PathIO).
 */

import groovy.json.JsonSlurper
import java.util.zip.GZIPInputStream
import qupath.lib.io.PathIO

def FOUND = args ? args[0] : '/path/to/FOUND'

def project = getProject()
if (project == null) {
    println 'error: open a project first'
    return
}
def summaryFile = new File(FOUND, 'results.json')
if (!summaryFile.isFile()) {
    println "error: ${summaryFile} is missing: FOUND must be the output folder of process.py"
    return
}

// Folder of the results of each image, by the name of its file.
def folders = [:]
new JsonSlurper().parse(summaryFile, 'UTF-8').images.each { image ->
    if (image.status == 'ok') {
        folders[image.file] = image.folder ? new File(FOUND, image.folder) : new File(FOUND)
    }
}

// The objects of a folder's detections.geojson, also where it is compressed; null without one.
def readObjects = { File folder ->
    def plain = new File(folder, 'detections.geojson')
    def compressed = new File(folder, 'detections.geojson.gz')
    if (plain.isFile()) {
        return plain.withInputStream { PathIO.readObjectsFromGeoJSON(it) }
    }
    if (compressed.isFile()) {
        return compressed.withInputStream { PathIO.readObjectsFromGeoJSON(new GZIPInputStream(it)) }
    }
    return null
}

def openEntry = getProjectEntry()
def imported = [] as Set
project.getImageList().each { entry ->
    def names = entry.getServerBuilder().getURIs().collect { new File(it.getPath()).getName() }
    def file = (names + [entry.getOriginalImageName()]).find { folders.containsKey(it) }
    if (file == null) {
        return
    }
    imported << file
    def objects = readObjects(folders[file])
    if (objects == null) {
        println "${file}: no detections.geojson: run process.py with --geojson"
        return
    }
    def imageData = entry == openEntry ? getCurrentImageData() : entry.readImageData()
    def hierarchy = imageData.getHierarchy()
    def known = hierarchy.getAllObjects(false).collect { it.getID() } as Set
    def added = objects.findAll { !known.contains(it.getID()) }
    hierarchy.addObjects(added)
    entry.saveImageData(imageData)
    println "${file}: ${added.size()} of ${objects.size()} objects added"
}
(folders.keySet() - imported).each { println "${it}: not in the project" }
